// SPDX-License-Identifier: LGPL-2.1-or-later
/// The subscriber: finds a publisher, follows its generations, takes frames, and starts over when the publisher dies.
///
///     waiting --connect--> joining --Welcome, Generation--> attached --frames--> …
///        ^                    |Refused                         | hang-up, after the frames left were taken
///        +--------------------+--------------------------------+
///
/// attach(), next() and wait_lease() run on one thread at a time; everything else is for any thread.
#pragma once

#include "base/deadline.h"
#include "subscriber/frame_ring/frame.h"
#include "subscriber/poller.h"
#include "subscriber/publisher_watch.h"
#include "subscriber/retry_timer.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cuframes::core {

struct SubscriberOptions {
    std::string key;
    std::string directory; ///< Empty: the usual ones.
    std::string name;
    ReadOptions read;
    uint32_t max_held;          ///< Leases at first.
    uint32_t min_held;          ///< With fewer it does not attach.
    bool grows;                 ///< Asks for more when all are held.
    bool copies;                ///< One lease more, to copy frames with.
    int64_t connect_timeout_ms; ///< 0: for ever.
    bool end_when_gone;
    cuframes_subscriber_state_func on_state;
    void* user_data;
};

class Subscriber {
public:
    static Result<std::unique_ptr<Subscriber>> create(SubscriberOptions options);
    ~Subscriber();

    Result<> attach(int64_t timeout_ms);
    Result<Frame*> next(int64_t timeout_ms);
    Result<> wait_lease(int64_t timeout_ms);
    void want(uint32_t leases, uint32_t frames);
    void set_latency(uint64_t latency) { latency_.store(latency, std::memory_order_relaxed); }

    int fd();
    void set_interrupted(bool interrupted);
    Result<> add_cuda_context(void* context);
    cuframes_subscriber_stats stats();

    Result<> start(cuframes_frame_func func, void* user_data);
    void stop();

private:
    using Clock = std::chrono::steady_clock;

    explicit Subscriber(SubscriberOptions options)
        : options_(std::move(options)),
          directory_(options_.directory.empty() ? directory_to_read(options_.key) : options_.directory),
          watch_(directory_, options_.key) {}
    Result<> prepare();

    // Repeats a step, which gives an error to report or a value, until the value is not null; sleeps between.
    template <class T>
    Result<T> repeat(int64_t timeout_ms, Result<T> (Subscriber::*step)());
    Result<bool> advance_attach();
    Result<Frame*> advance();
    Result<> advance_link();
    Result<Frame*> take();
    Frame* wrap(const AttachedRing::Lease& lease);
    Result<Frame*> without_lease();
    Result<Frame*> without_memory();
    Result<Frame*> advance_after_damage();
    Result<Frame*> at_end_of_ring(StreamState stream, uint64_t last_sequence);
    Error tell_end();
    Result<> end_of_link(uint64_t last_sequence);

    // Connecting.
    Result<Connection> connect_or_watch();
    Result<> connect();
    Result<> fail_attach(const Error& error);
    void try_again_in(std::chrono::milliseconds delay);
    bool may_connect() const;
    void drop_link();
    void leave_if_replaced();
    void look_into_directory();

    // Hearing the publisher.
    bool hear();
    bool expects_messages() const;
    void lose_publisher();
    Error out_of_descriptors() const;
    void ask_for_more();
    void handle(Packet& packet);
    void handle_welcome(const Packet& packet);
    void handle_refused(const Packet& packet);
    void handle_generation(Packet& packet);
    void handle_chunk(Packet& packet);
    void handle_granted(const Packet& packet);
    void handle_ended(const Packet& packet);
    Result<> adopt_next_ring();

    // Waiting.
    void clear_interrupt();
    bool must_end() const { return interrupted_.load() || stopping_.load(); }
    bool wait(const Deadline& deadline);
    bool tells_of_frames();
    void keep_readable(const Error* error);
    bool is_armed(const Error* error);
    void on_event(Poller::Source source, bool hung_up);
    Result<> check_connect_timeout() const;
    Deadline connect_deadline() const;
    Deadline earliest(Deadline deadline) const;

    void count(uint64_t missed, bool received);
    void set_state(cuframes_subscriber_state state, uint64_t epoch);
    void pause_callbacks();
    void run_callbacks(cuframes_frame_func func, void* user_data);

    const SubscriberOptions options_;
    Poller poller_;
    std::string directory_; ///< Of the socket: the one that was named, or the one among the usual where it is.
    PublisherWatch watch_;
    std::optional<RetryTimer> retry_;
    std::optional<Waker> interrupt_;
    std::shared_ptr<Waker> poke_;
    std::atomic<bool> interrupted_{false};
    std::atomic<bool> armed_{false};   ///< fd() will be readable when there is something to do.
    std::atomic<bool> watched_{false}; ///< Somebody waits on fd() who does not always drain us first.

    // Of the thread in next().
    std::shared_ptr<Link> link_;
    std::shared_ptr<AttachedRing> ring_;
    /// What announced a generation, and the chunks of memory that followed.
    struct Announcement {
        Packet generation;
        std::vector<Packet> chunks;
    };
    std::optional<Announcement> announced_; ///< Not adopted: the ring before is read to its end first.
    uint64_t received_epoch_ = 0;           ///< Of the generation announced last.
    bool needs_ = false;                    ///< A Need is unanswered.
    uint64_t missed_between_rings_ = 0;     ///< Counted already, and to be told with the next frame.
    bool passed_over_ = false;              ///< The generation announced last was, and its chunks are too.
    uint32_t sleeps_unheard_ = 0;           ///< Since the socket was read.
    Inbox inbox_;
    std::optional<Error> attach_error_; ///< To be reported by the next step.
    Clock::time_point created_ = Clock::now();
    Clock::time_point not_before_ = {}; ///< Back-off after a refusal.
    std::chrono::milliseconds backoff_{0};
    bool look_for_socket_ = true;
    bool ever_attached_ = false;
    bool end_reported_ = false;
    bool first_from_publisher_ = false;
    bool waits_for_lease_ =
        false;           ///< A frame is there, and is had with a lease or memory that the GPU or the publisher owes.
    bool poked_ = false; ///< fd() was made readable, and nobody has waited since.
    bool asked_ = false; ///< A Want is unanswered.
    Clock::time_point ask_again_ = {}; ///< After one that was not met.
    uint32_t leases_wanted_ = 0;       ///< Asked of the next publisher too.
    uint32_t frames_wanted_ = 0;
    std::atomic<uint64_t> latency_{CUFRAMES_TIME_NONE};

    std::mutex mutex_; ///< Over what other threads read.
    cuframes_subscriber_stats stats_ = {};
    std::vector<void*> cuda_contexts_;
    std::weak_ptr<AttachedRing> shared_ring_; ///< ring_, for add_cuda_context().
    std::weak_ptr<Link> shared_link_;         ///< link_, for stats().

    std::thread thread_;
    std::atomic<bool> stopping_{false};
    std::atomic<uint32_t> resumptions_{0}; ///< Of the thread, which pauses while interrupted.
};

} // namespace cuframes::core
