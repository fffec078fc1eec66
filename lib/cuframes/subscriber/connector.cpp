// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/connector.h"

#include <algorithm>

namespace cuframes::core {

using std::chrono::milliseconds;

namespace {

Error interrupted_error() { return {CUFRAMES_ERROR_INTERRUPTED, "interrupted by another thread"}; }

} // namespace

Result<std::unique_ptr<Connector>> Connector::create(ConnectorOptions options, ReaderContent& content) {
    std::unique_ptr<Connector> connector(new Connector(std::move(options), content));
    if (auto prepared = connector->prepare(); !prepared) {
        return prepared.error();
    }
    return connector;
}

Result<> Connector::prepare() {
    auto poller = Poller::create();
    auto interrupt = Waker::create();
    auto poke = Waker::create();
    auto retry = RetryTimer::create();
    for (const Error* error : {poller ? nullptr : &poller.error(), interrupt ? nullptr : &interrupt.error(),
                               poke ? nullptr : &poke.error(), retry ? nullptr : &retry.error()}) {
        if (error) {
            return *error;
        }
    }
    poller_ = std::move(*poller);
    interrupt_ = std::move(*interrupt);
    poke_ = std::make_shared<Waker>(std::move(*poke));
    retry_ = std::move(*retry);
    for (const auto& [fd, source] :
         {std::pair{interrupt_->fd(), Poller::Source::interrupt}, std::pair{poke_->fd(), Poller::Source::poke},
          std::pair{retry_->fd(), Poller::Source::retry}}) {
        if (auto added = poller_.add(fd, source); !added) {
            return added;
        }
    }
    return {};
}

Connector::~Connector() {
    if (link_) {
        (void)link_->connection.send(Goodbye{});
        enter(Phase::waiting);
    }
}

void Connector::enter(Phase phase) {
    phase_ = phase;
    switch (phase) {
    case Phase::waiting:
        let_go();
        break;
    case Phase::joining:
        break;
    case Phase::attached:
        ever_attached_ = true;
        end_reported_ = false;
        first_from_publisher_ = true;
        backoff_ = milliseconds(0);
        set_state(CUFRAMES_STATE_ATTACHED, 0);
        break;
    case Phase::draining: // It is gone. What it left is still read.
        poller_.remove(link_->connection.fd());
        poller_.remove(link_->pidfd.get());
        break;
    }
}

Result<> Connector::repeat(int64_t timeout_ms, Result<bool> (Connector::*step)()) {
    const Deadline deadline = deadline_in(timeout_ms);
    int late_rounds = 0;
    for (;;) {
        if (interrupted_.load()) {
            return interrupted_error();
        }
        no_room_ = false;
        auto done = (this->*step)();
        if (!done || *done) {
            keep_readable(done ? nullptr : &done.error());
            return done ? Result<>() : done.error();
        }
        if (!link_ && may_connect()) {
            continue; // The publisher has just gone; its successor may be there already, and the watch is not set.
        }
        if (auto in_time = check_connect_timeout(); !in_time) {
            return in_time.error();
        }
        // What came with the event is looked at, but not for ever: a publisher gone mad may never let us be.
        const bool woken = wait(deadline);
        const bool too_late = deadline && Clock::now() >= *deadline;
        late_rounds = too_late ? late_rounds + 1 : 0;
        if (too_late && (!woken || late_rounds > 8)) {
            return Error{CUFRAMES_ERROR_TIMEOUT, text("no ", link_ ? content_.item() : "publisher", " of \"",
                                                      options_.key, "\" within ", timeout_ms, " ms")};
        }
    }
}

Result<> Connector::attach(int64_t timeout_ms) { return repeat(timeout_ms, &Connector::advance_attach); }

Result<> Connector::next(int64_t timeout_ms) { return repeat(timeout_ms, &Connector::advance); }

Result<bool> Connector::advance_attach() {
    if (auto advanced = advance_link(); !advanced) {
        return advanced.error();
    }
    // A publisher that is gone may have left items to be read.
    if (phase_ != Phase::attached && phase_ != Phase::draining) {
        return false;
    }
    if (generation_ || !content_.comes_with_generation()) {
        return true;
    }
    if (announced_) {
        auto adopted = adopt_announced();
        return adopted ? Result<bool>(generation_ != nullptr) : adopted.error();
    }
    if (phase_ == Phase::draining) {
        if (auto ended = end_of_link(0); !ended) {
            return ended.error();
        }
    }
    return false;
}

/// If something is wrong with it the search begins anew.
Result<> Connector::adopt_announced() {
    auto adopted = adopt_next();
    if (!adopted) {
        enter(Phase::waiting);
        return fail_attach(adopted.error());
    }
    return {};
}

Result<> Connector::advance_link() {
    if (damage_) {
        const Error error = *std::exchange(damage_, std::nullopt);
        enter(Phase::waiting);
        return fail_attach(error);
    }
    if (phase_ == Phase::waiting && may_connect()) {
        return connect();
    }
    return {};
}

Result<bool> Connector::advance() {
    if (answer_expected_) {
        hear(); // A reader that always finds an item does not sleep, and would not hear the answer.
    }
    if (auto advanced = advance_link(); !advanced) {
        return advanced.error();
    }
    if (!generation_ && link_ && link_->ends != link_->ends_told) {
        link_->ends_told += 1;
        return tell_end();
    }
    if (!generation_ && announced_) {
        if (auto adopted = adopt_announced(); !adopted) {
            return adopted.error();
        }
    }
    if (generation_) {
        return take();
    }
    if (phase_ == Phase::draining) {
        if (auto ended = end_of_link(0); !ended) {
            return ended.error();
        }
    }
    return false;
}

Result<> Connector::wait_until(int64_t timeout_ms, const std::function<Result<bool>()>& ready,
                               const std::string& what) {
    const Deadline deadline = deadline_in(timeout_ms);
    for (;;) {
        if (interrupted_.load()) {
            return interrupted_error();
        }
        if (!generation_) {
            keep_readable(nullptr);
            return {};
        }
        auto done = ready();
        if (!done) {
            return done.error();
        }
        if (*done) {
            keep_readable(nullptr);
            return {};
        }
        generation_->wake_up(); // New items are no reason to wake up now.
        const bool woken = poller_.wait(poll_timeout(deadline),
                                        [this](Poller::Source source, bool hung_up) { on_event(source, hung_up); });
        if (!woken && deadline && Clock::now() >= *deadline) {
            return Error{CUFRAMES_ERROR_TIMEOUT, text(what, " within ", timeout_ms, " ms")};
        }
    }
}

void Connector::set_state(cuframes_subscriber_state state, uint64_t epoch) {
    int32_t pid = link_ ? link_->publisher_pid : 0;
    {
        std::lock_guard lock(mutex_);
        stats_.state = state;
        stats_.publisher_pid = pid;
    }
    if (options_.on_state) {
        options_.on_state(state, epoch, pid, options_.user_data);
    }
}

cuframes_subscriber_stats Connector::stats() {
    std::lock_guard lock(mutex_);
    return stats_;
}

} // namespace cuframes::core
