// SPDX-License-Identifier: LGPL-2.1-or-later
/// How a subscriber sleeps, here or in a caller's own loop, and what wakes it.
#include "subscriber/connector.h"

#include <algorithm>

namespace cuframes::core {

void Connector::set_interrupted(bool interrupted) {
    interrupted_.store(interrupted);
    if (interrupted) {
        interrupt_->wake();
    } else {
        clear_interrupt();
    }
}

void Connector::clear_interrupt() {
    interrupt_->clear();
    if (interrupted_.load()) {
        interrupt_->wake(); // Another thread's word came in between, and its wake-up was cleared.
    }
}

/// Sleeps until something happens. False: nothing did.
bool Connector::wait(const Deadline& deadline) {
    const Deadline until = earliest(deadline);
    if (generation_ && waits_) {
        generation_->wake_up(); // There is an item; what is missing comes by itself.
    } else if (generation_ && !tells_of_items()) {
        return true;
    }
    armed_.store(true);
    return poller_.wait(poll_timeout(until),
                        [this](Poller::Source source, bool hung_up) { on_event(source, hung_up); });
}

/// Asks the publisher to wake us for what comes next. False: there is something already.
bool Connector::tells_of_items() {
    // Each sleep may leave a Wake in the socket, which is read now and then, many in one call.
    constexpr uint32_t sleeps_between = 16;
    if (++sleeps_unheard_ >= sleeps_between) {
        hear();
        if (damage_ || announced_ || phase_ == Phase::draining) {
            return false;
        }
    }
    const StreamState before = generation_->stream_state();
    return generation_->may_sleep(before);
}

int Connector::fd() {
    // Who asks before a wait has found that there is nothing is told to look. Those who always do that first, as all
    // do that wait inside of this library's own calls, have no cost of it.
    if (!armed_.load() && !watched_.exchange(true)) {
        poke_->wake();
    }
    return poller_.fd();
}

/// At the end of a call that found something: what is there besides, or comes, is told to those who wait on fd().
void Connector::keep_readable(const Error* error) {
    armed_.store(false);
    if (!watched_.load()) {
        return;
    }
    if (!is_armed(error) && !std::exchange(poked_, true)) {
        poke_->wake();
    }
    armed_.store(true);
}

bool Connector::is_armed(const Error* error) {
    if (!generation_ || !link_) {
        return false;
    }
    if (error && no_room_) {
        // Items are there; what is missing is that one is given back. What woke us before is no news any more.
        poller_.wait(0, [this](Poller::Source source, bool hung_up) { on_event(source, hung_up); });
        return generation_ && content_.tells_of_room();
    }
    return !error && phase_ != Phase::draining && !announced_ && !damage_ && tells_of_items();
}

Deadline Connector::connect_deadline() const {
    return ever_attached_ || options_.connect_timeout_ms == 0 ? Deadline{}
                                                              : deadline_in(options_.connect_timeout_ms, created_);
}

Deadline Connector::earliest(Deadline deadline) const {
    const Deadline other = connect_deadline();
    return deadline && other ? std::min(*deadline, *other) : deadline ? deadline : other;
}

Result<> Connector::check_connect_timeout() const {
    if (const Deadline deadline = connect_deadline(); !deadline || Clock::now() < *deadline) {
        return {};
    }
    return Error{CUFRAMES_ERROR_TIMEOUT,
                 text("no publisher came to ", socket_path(directory_, options_.key), " within ",
                      options_.connect_timeout_ms, " ms (connect-timeout); start it, or check key and directory")};
}

/// Whether there is more to be heard than that we were woken. What else a publisher sends follows from the state of the
/// generation, or from what it was asked.
bool Connector::expects_messages() const {
    return !generation_ || answer_expected_ || needs_ || generation_->stream_state() == StreamState::superseded;
}

void Connector::on_event(Poller::Source source, bool hung_up) {
    switch (source) {
    case Poller::Source::messages:
        if (hung_up || expects_messages()) {
            hear();
        }
        break;
    case Poller::Source::publisher_exit:
        if (phase_ == Phase::joining || phase_ == Phase::attached) {
            // Its last messages first, as many as may lie there: a generation may have been announced just before.
            for (int round = 0; round < 64 && hear(); ++round) {
            }
            lose_publisher();
        }
        break;
    case Poller::Source::poke:
        poked_ = false;
        poke_->clear();
        break;
    case Poller::Source::retry:
        retry_->clear();
        if (phase_ == Phase::attached || phase_ == Phase::draining) {
            watch_.end(poller_);
        }
        leave_if_replaced();
        break;
    case Poller::Source::directory:
        leave_if_replaced();
        look_for_socket_ = true;
        not_before_ = {};
        watch_.begin(poller_);
        break;
    case Poller::Source::interrupt:
        break;
    }
}

} // namespace cuframes::core
