// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/subscriber.h"

#include "base/thread.h"

#include <algorithm>

namespace cuframes::core {

using std::chrono::milliseconds;

namespace {

Error interrupted_error() { return {CUFRAMES_ERROR_INTERRUPTED, "interrupted by another thread"}; }

} // namespace

Result<std::unique_ptr<Subscriber>> Subscriber::create(SubscriberOptions options) {
    std::unique_ptr<Subscriber> subscriber(new Subscriber(std::move(options)));
    if (auto prepared = subscriber->prepare(); !prepared) {
        return prepared.error();
    }
    return subscriber;
}

Result<> Subscriber::prepare() {
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
    poller_.add(interrupt_->fd(), Poller::Source::interrupt);
    poller_.add(poke_->fd(), Poller::Source::poke);
    poller_.add(retry_->fd(), Poller::Source::retry);
    stats_.max_held = options_.max_held;
    leases_wanted_ = options_.max_held;
    return {};
}

Subscriber::~Subscriber() {
    stop();
    if (link_) {
        (void)link_->connection.send(Goodbye{});
        drop_link();
    }
}

void Subscriber::set_interrupted(bool interrupted) {
    interrupted_.store(interrupted);
    if (interrupted) {
        interrupt_->wake();
        return;
    }
    clear_interrupt();
    resumptions_.fetch_add(1);
    resumptions_.notify_all();
}

void Subscriber::clear_interrupt() {
    interrupt_->clear();
    if (must_end()) {
        interrupt_->wake(); // Another thread's word came in between, and its wake-up was cleared.
    }
}

template <class T>
Result<T> Subscriber::repeat(int64_t timeout_ms, Result<T> (Subscriber::*step)()) {
    const Deadline deadline = deadline_in(timeout_ms);
    int late_rounds = 0;
    for (;;) {
        if (must_end()) {
            return interrupted_error();
        }
        auto result = (this->*step)();
        if (!result || *result) {
            keep_readable(result ? nullptr : &result.error());
            return result;
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
            return Error{CUFRAMES_ERROR_TIMEOUT, text(link_ ? "no frame of \"" : "no publisher of \"", options_.key,
                                                      "\" within ", timeout_ms, " ms")};
        }
    }
}

Result<> Subscriber::attach(int64_t timeout_ms) {
    auto attached = repeat(timeout_ms, &Subscriber::advance_attach);
    return attached ? Result<>() : attached.error();
}

Result<Frame*> Subscriber::next(int64_t timeout_ms) { return repeat(timeout_ms, &Subscriber::advance); }

Result<bool> Subscriber::advance_attach() {
    if (auto advanced = advance_link(); !advanced) {
        return advanced.error();
    }
    // A publisher that is gone may have left frames to be read; one that never admitted us has not.
    if (link_ && link_->dead && !link_->welcomed) {
        if (auto ended = end_of_link(0); !ended) {
            return ended.error();
        }
    }
    return link_ && link_->welcomed;
}

Result<> Subscriber::advance_link() {
    if (attach_error_) {
        const Error error = *std::exchange(attach_error_, std::nullopt);
        drop_link();
        return fail_attach(error);
    }
    if (!link_ && may_connect()) {
        return connect();
    }
    return {};
}

Result<Frame*> Subscriber::advance() {
    if (asked_) {
        hear(); // A reader that always finds a frame does not sleep, and would not hear the answer.
    }
    if (auto advanced = advance_link(); !advanced) {
        return advanced.error();
    }
    if (!ring_ && link_ && link_->ends != link_->ends_told) {
        link_->ends_told += 1;
        return tell_end();
    }
    if (!ring_ && announced_) {
        if (auto adopted = adopt_next_ring(); !adopted) {
            drop_link();
            return fail_attach(adopted.error()).error();
        }
    }
    if (ring_) {
        return take();
    }
    if (link_ && link_->dead) {
        if (auto ended = end_of_link(0); !ended) {
            return ended.error();
        }
    }
    return nullptr;
}

Result<Frame*> Subscriber::take() {
    // Read before looking for a frame: one that is published after the look is not passed over, nor left behind.
    const StreamState stream = ring_->stream_state();
    const uint64_t last_sequence = ring_->last_sequence();
    const auto found = ring_->take(latency_.load(std::memory_order_relaxed));
    if (const auto* lease = std::get_if<AttachedRing::Lease>(&found)) {
        waits_for_lease_ = false;
        return wrap(*lease);
    }
    const auto nothing = std::get<AttachedRing::Nothing>(found);
    waits_for_lease_ = nothing == AttachedRing::Nothing::lease_under_way;
    switch (nothing) {
    case AttachedRing::Nothing::lease_under_way:
        return nullptr;
    case AttachedRing::Nothing::lease_lost:
        return ring_->lost_leases();
    case AttachedRing::Nothing::no_lease:
        return without_lease();
    case AttachedRing::Nothing::memory_missing:
        return without_memory();
    case AttachedRing::Nothing::end:
        count(ring_->tell_end(), false);
        return tell_end();
    case AttachedRing::Nothing::no_frame:
        break;
    }
    return at_end_of_ring(stream, last_sequence);
}

Frame* Subscriber::wrap(const AttachedRing::Lease& lease) {
    ring_->set_sleeping(false);
    end_reported_ = false;
    const uint64_t missed = lease.taken.missed + missed_between_rings_;
    const bool strict = options_.read.mode == CUFRAMES_MODE_STRICT;
    const bool discontinuity = std::exchange(first_from_publisher_, false) || (strict && missed > 0);
    count(lease.taken.missed, true);
    missed_between_rings_ = 0;
    auto* frame = new Frame(ring_, lease, missed, discontinuity);
    std::lock_guard lock(mutex_);
    stats_.last_sequence = frame->view().sequence;
    stats_.epoch = frame->view().epoch;
    return frame;
}

/// All leases are held: more can be asked for, or the caller has to give one back.
Result<Frame*> Subscriber::without_lease() {
    if (options_.grows && !link_->dead) {
        want(link_->granted * 2, 0);
    }
    if (options_.grows && asked_ && !link_->dead) {
        // One that another thread gives back meanwhile will do as well.
        link_->starving.store(true);
        waits_for_lease_ = ring_->leases() == AttachedRing::Leases::all_held;
        return waits_for_lease_ ? Result<Frame*>(nullptr) : take();
    }
    return Error{CUFRAMES_ERROR_LEASES_EXHAUSTED,
                 text("all ", link_->granted.load(), " frames that this subscriber of \"", options_.key,
                      "\" may hold are held; release one",
                      options_.grows ? ", as the ring has no more" : ", or ask for a larger max-held")};
}

/// The ring has grown, and a frame lies where it has grown to: that memory is to be asked for.
Result<Frame*> Subscriber::without_memory() {
    const uint32_t before = ring_->frames().mapped_slots();
    hear();
    if (!attach_error_ && ring_->frames().mapped_slots() > before) {
        return take();
    }
    if (attach_error_ || link_->dead) {
        return advance_after_damage();
    }
    ask_for_more();
    waits_for_lease_ = true;
    return nullptr;
}

/// Of the ring, or the next one: whatever the publisher has and has not sent. Answered, if it has, by a message.
void Subscriber::ask_for_more() {
    if (needs_) {
        return;
    }
    Need message = {};
    message.epoch = received_epoch_;
    needs_ = link_->connection.send(message) == Sent::yes;
    if (!needs_) {
        retry_->fire_in(milliseconds(10)); // And then the step that needs it comes here again.
    }
}

/// What came of it is reported, and the next attempt begins anew.
Result<Frame*> Subscriber::advance_after_damage() {
    if (!attach_error_) {
        attach_error_ = Error{CUFRAMES_ERROR_PUBLISHER_GONE,
                              text("the publisher of \"", options_.key, "\" went while its ring grew")};
    }
    auto advanced = advance_link();
    return advanced ? Result<Frame*>(nullptr) : advanced.error();
}

void Subscriber::want(uint32_t leases, uint32_t frames) {
    leases = std::min<uint32_t>(leases, CUFRAMES_MAX_HELD);
    if (!options_.grows) {
        leases = std::min(leases, options_.max_held);
    }
    const bool wants = link_ && link_->welcomed && (leases > link_->granted || frames > frames_wanted_);
    if (!wants || asked_ || link_->dead || Clock::now() < ask_again_) {
        return;
    }
    leases_wanted_ = std::max(leases_wanted_, leases);
    frames_wanted_ = std::max(frames_wanted_, frames);
    Want message = {};
    message.leases = std::max(leases, link_->granted.load());
    message.frames = frames_wanted_;
    asked_ = link_->connection.send(message) == Sent::yes;
}

/// No frame is left: is there something that follows?
Result<Frame*> Subscriber::at_end_of_ring(StreamState stream, uint64_t last_sequence) {
    if (stream == StreamState::superseded && !announced_) {
        hear(); // What follows may be here.
        if (attach_error_) {
            return advance_after_damage();
        }
    }
    if (announced_) {
        ring_->set_sleeping(false);
        if (auto adopted = adopt_next_ring(); !adopted) {
            drop_link();
            return fail_attach(adopted.error()).error();
        }
        return take();
    }
    if (link_->dead) {
        if (auto ended = end_of_link(last_sequence); !ended) {
            return ended.error();
        }
    } else if (stream == StreamState::superseded) {
        ask_for_more();
    }
    return nullptr;
}

/// The stream ended here; frames may follow it already.
Error Subscriber::tell_end() {
    end_reported_ = true;
    set_state(CUFRAMES_STATE_ENDED, ring_ ? ring_->description().control.epoch : 0);
    return {CUFRAMES_ERROR_EOS, text("the publisher of \"", options_.key, "\" ended its stream")};
}

/// The publisher is gone and its last frame taken: the search for the next begins.
Result<> Subscriber::end_of_link(uint64_t last_sequence) {
    const uint64_t epoch = ring_ ? ring_->description().control.epoch : 0;
    const int32_t pid = link_->publisher_pid;
    if (ring_) {
        count(ring_->pass_to(last_sequence), false);
    }
    if (!end_reported_ && link_->welcomed) {
        set_state(CUFRAMES_STATE_GONE, epoch);
    }
    const bool was_attached = link_->welcomed;
    drop_link();
    if (!was_attached) {
        try_again_in(milliseconds(10)); // It hung up on us: do not knock without pause.
    }
    if (was_attached) {
        set_state(CUFRAMES_STATE_WAITING, 0);
    }
    if (options_.end_when_gone && was_attached) {
        return Error{CUFRAMES_ERROR_PUBLISHER_GONE,
                     text("the publisher of \"", options_.key, "\" (pid ", pid, ") is gone")};
    }
    return {};
}

Result<> Subscriber::wait_lease(int64_t timeout_ms) {
    const Deadline deadline = deadline_in(timeout_ms);
    for (;;) {
        if (must_end()) {
            return interrupted_error();
        }
        if (!ring_) {
            keep_readable(nullptr);
            return {};
        }
        link_->starving.store(true); // Before looking: who gives one back after this look pokes us.
        const AttachedRing::Leases state = ring_->leases();
        if (state == AttachedRing::Leases::free) {
            keep_readable(nullptr);
            return {};
        }
        if (state == AttachedRing::Leases::lost) {
            return ring_->lost_leases();
        }
        ring_->set_sleeping(false); // New frames are no reason to wake up now.
        const bool woken = poller_.wait(poll_timeout(deadline),
                                        [this](Poller::Source source, bool hung_up) { on_event(source, hung_up); });
        if (!woken && deadline && Clock::now() >= *deadline) {
            return Error{CUFRAMES_ERROR_TIMEOUT,
                         text("no frame of \"", options_.key, "\" was released within ", timeout_ms, " ms")};
        }
    }
}

/// Sleeps until something happens. False: nothing did.
bool Subscriber::wait(const Deadline& deadline) {
    const Deadline until = earliest(deadline);
    if (ring_ && waits_for_lease_) {
        ring_->set_sleeping(false); // There is a frame; what is missing is the word of the GPU or of the publisher.
    } else if (ring_ && !tells_of_frames()) {
        return true;
    }
    armed_.store(true);
    return poller_.wait(poll_timeout(until),
                        [this](Poller::Source source, bool hung_up) { on_event(source, hung_up); });
}

/// Asks the publisher to wake us for what comes next. False: there is something already.
bool Subscriber::tells_of_frames() {
    // Each sleep may leave a Wake in the socket, which is read now and then, many in one call.
    constexpr uint32_t sleeps_between = 16;
    if (++sleeps_unheard_ >= sleeps_between) {
        hear();
        if (attach_error_ || announced_ || link_->dead) {
            return false;
        }
    }
    const StreamState before = ring_->stream_state();
    ring_->set_sleeping(true);
    return !ring_->reader().has_next() && !ring_->reader().has_end() && ring_->stream_state() == before;
}

int Subscriber::fd() {
    // Who asks before a wait has found that there is nothing is told to look. Those who always do that first, as all
    // do that wait inside of this library's own calls, have no cost of it.
    if (!armed_.load() && !watched_.exchange(true)) {
        poke_->wake();
    }
    return poller_.fd();
}

/// At the end of a call that found something: what is there besides, or comes, is told to those who wait on fd().
void Subscriber::keep_readable(const Error* error) {
    armed_.store(false);
    if (!watched_.load()) {
        return;
    }
    if (!is_armed(error) && !std::exchange(poked_, true)) {
        poke_->wake();
    }
    armed_.store(true);
}

bool Subscriber::is_armed(const Error* error) {
    if (!ring_ || !link_) {
        return false;
    }
    if (error && error->code == CUFRAMES_ERROR_LEASES_EXHAUSTED) {
        // Frames are there; what is missing is that one is given back. What woke us before is no news any more.
        poller_.wait(0, [this](Poller::Source source, bool hung_up) { on_event(source, hung_up); });
        link_->starving.store(true);
        return ring_->leases() != AttachedRing::Leases::free;
    }
    return !error && !link_->dead && !announced_ && !attach_error_ && tells_of_frames();
}

Deadline Subscriber::connect_deadline() const {
    return ever_attached_ || options_.connect_timeout_ms == 0 ? Deadline{}
                                                              : deadline_in(options_.connect_timeout_ms, created_);
}

Deadline Subscriber::earliest(Deadline deadline) const {
    const Deadline other = connect_deadline();
    return deadline && other ? std::min(*deadline, *other) : deadline ? deadline : other;
}

Result<> Subscriber::check_connect_timeout() const {
    if (const Deadline deadline = connect_deadline(); !deadline || Clock::now() < *deadline) {
        return {};
    }
    return Error{CUFRAMES_ERROR_TIMEOUT,
                 text("no publisher came to ", socket_path(directory_, options_.key), " within ",
                      options_.connect_timeout_ms, " ms (connect-timeout); start it, or check key and directory")};
}

/// Whether there is more to be heard than that we were woken. What else a publisher sends follows from the state of the
/// ring, or from what it was asked.
bool Subscriber::expects_messages() const {
    return !ring_ || asked_ || needs_ || ring_->stream_state() == StreamState::superseded;
}

void Subscriber::on_event(Poller::Source source, bool hung_up) {
    switch (source) {
    case Poller::Source::messages:
        if (hung_up || expects_messages()) {
            hear();
        }
        break;
    case Poller::Source::publisher_exit:
        if (link_ && !link_->dead) {
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
        if (link_ && link_->welcomed) {
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

void Subscriber::count(uint64_t missed, bool received) {
    std::lock_guard lock(mutex_);
    stats_.received += received ? 1 : 0;
    (options_.read.mode == CUFRAMES_MODE_STRICT ? stats_.lost : stats_.skipped) += missed;
    ring_->tell_counters(stats_.received, stats_.skipped, stats_.lost);
}

void Subscriber::set_state(cuframes_subscriber_state state, uint64_t epoch) {
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

cuframes_subscriber_stats Subscriber::stats() {
    std::lock_guard lock(mutex_);
    cuframes_subscriber_stats out = stats_;
    if (auto link = shared_link_.lock()) {
        out.held = link->held.load();
    }
    return out;
}

Result<> Subscriber::add_cuda_context(void* context) {
    std::lock_guard lock(mutex_);
    if (std::find(cuda_contexts_.begin(), cuda_contexts_.end(), context) != cuda_contexts_.end()) {
        return {}; // Named again with each generation, by those who cannot know.
    }
    cuda_contexts_.push_back(context);
    if (auto ring = shared_ring_.lock()) {
        ring->frames().add_context(context);
    }
    return {};
}

// ---------------------------------------------------------------------------------------------------- callback form

Result<> Subscriber::start(cuframes_frame_func func, void* user_data) {
    if (thread_.joinable()) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "this subscriber's thread runs already"};
    }
    stopping_.store(false);
    auto thread = start_thread("cuframes-read", [this, func, user_data] { run_callbacks(func, user_data); });
    if (!thread) {
        return thread.error();
    }
    thread_ = std::move(*thread);
    return {};
}

void Subscriber::stop() {
    if (!thread_.joinable()) {
        return;
    }
    // Not as an interruption, which is the caller's, and may be set and cleared meanwhile.
    stopping_.store(true);
    interrupt_->wake();
    resumptions_.fetch_add(1);
    resumptions_.notify_all();
    thread_.join();
    stopping_.store(false);
    clear_interrupt();
}

/// Until the interruption is taken back, or the thread is to end.
void Subscriber::pause_callbacks() {
    for (;;) {
        const uint32_t seen = resumptions_.load();
        if (!interrupted_.load() || stopping_.load()) {
            return;
        }
        resumptions_.wait(seen);
    }
}

void Subscriber::run_callbacks(cuframes_frame_func func, void* user_data) {
    while (!stopping_.load()) {
        auto got = next(-1);
        const int error = got ? CUFRAMES_OK : got.error().code;
        if (error == CUFRAMES_ERROR_INTERRUPTED) {
            pause_callbacks();
        } else if (error == CUFRAMES_ERROR_LEASES_EXHAUSTED) {
            (void)static_cast<bool>(wait_lease(-1));
        } else if (!func(got ? reinterpret_cast<cuframes_frame*>(*got) : nullptr, error, user_data)) {
            return;
        }
    }
}

} // namespace cuframes::core
