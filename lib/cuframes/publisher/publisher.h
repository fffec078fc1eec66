// SPDX-License-Identifier: LGPL-2.1-or-later
/// The publisher: one mutex of this process over the ring's private state, the attached subscribers and the statistics.
///
/// Frame path (acquire, publish, release): the caller's threads. Admission, messages and deaths: the service thread. No
/// lock is ever shared with another process.
#pragma once

#include "base/deadline.h"
#include "base/result.h"
#include "ipc/rendezvous.h"
#include "protocol/messages.h"
#include "publisher/frame_ring/ring_generation.h"
#include "publisher/member.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace cuframes::core {

class Service;
class Slot;

/// Frames that a ring can keep for its readers at most; the producer's slots come on top.
inline constexpr uint32_t max_ring_slots = 128;
inline constexpr uint32_t default_max_subscribers = 64;

struct PublisherOptions {
    std::string key;
    std::string directory;
    AccessRule access;
    uint32_t slots;     ///< Frames kept for readers; in an elastic ring the fewest.
    uint32_t max_slots; ///< The most: the same where the ring does not grow.
    cuframes_policy policy;
    uint32_t wait_timeout_ms;
    uint32_t max_subscribers;
    cuframes_subscriber_added_func on_added;
    cuframes_subscriber_removed_func on_removed;
    void* user_data;

    bool elastic() const { return max_slots > slots; }
};

class Publisher : public std::enable_shared_from_this<Publisher> {
public:
    static Result<std::shared_ptr<Publisher>> create(PublisherOptions options);
    ~Publisher();

    void close();

    Result<> configure(GenerationConfig config);
    Result<std::unique_ptr<Slot>> acquire(uint32_t flags);
    void set_latency(uint64_t latency);
    Result<> publish(const std::shared_ptr<RingGeneration>& generation, uint32_t slot, const cuframes_frame_info& info,
                     bool copied);
    void release(RingGeneration& generation, uint32_t slot);
    void drop();
    void eos();
    Result<> wait_subscribers(uint32_t count, int64_t timeout_ms);
    void set_interrupted(bool interrupted);

    cuframes_publisher_stats stats();
    std::vector<cuframes_subscriber_info> subscribers();

    const std::string& path() const { return key_.path(); }
    const PublisherOptions& options() const { return options_; }

    // For the service thread.

    /// Admits a subscriber, or says why not; CUFRAMES_ERROR_TIMEOUT: not at this moment, as something is short. On success
    /// it was sent Welcome, and it was sent the current generation or is by serve().
    Result<std::shared_ptr<AttachedSubscriber>> admit(const Hello& hello,
                                                      const std::shared_ptr<Connection>& connection);
    void announce(const std::shared_ptr<AttachedSubscriber>& subscriber);
    void remove(const std::shared_ptr<AttachedSubscriber>& subscriber, cuframes_leave_reason reason);
    void goodbye(const std::shared_ptr<AttachedSubscriber>& subscriber);
    void progress();
    /// Gives a subscriber what it wants of leases and kept frames, as far as that is there, and answers.
    void grant(const std::shared_ptr<AttachedSubscriber>& subscriber, const Want& want);
    /// Sends what a subscriber asks for, as far as that is there.
    void supply(const std::shared_ptr<AttachedSubscriber>& subscriber, const Need& need);
    /// Whether something was short, so that serve() has to be called in a moment.
    bool owes() const { return owes_.load(); }
    void serve();
    int listening_fd() const { return key_.listening_fd(); }

private:
    struct Member {
        std::shared_ptr<AttachedSubscriber> subscriber;
    };

    Publisher(PublisherOptions options, KeyHolder key);

    std::optional<uint32_t> try_acquire(bool protect_unread);
    bool is_leased(uint32_t slot) const;
    std::optional<uint32_t> wait_for_slot(std::unique_lock<std::mutex>& lock);
    std::optional<uint32_t> acquire_in_time(std::unique_lock<std::mutex>& lock);
    void forget_wait(uint32_t more = 0);
    bool give_up_late_readers(Deadline& look_again);
    bool give_up_if_late(const Member& member, uint64_t wanted, Deadline& look_again);
    void count_lapped(uint64_t sequence);
    static Ended ended_before_ring();
    uint32_t ends_before_now() const;
    uint32_t present() const;
    Result<> check_seats() const;
    uint32_t granted() const;
    uint32_t leases_to_join(const Hello& hello) const;
    uint32_t leases_to_add(uint32_t wanted) const;
    uint32_t leases_left() const;
    uint32_t free_seats() const;
    uint32_t frames_for(uint32_t leases, uint32_t frames) const;
    Error ring_full(uint32_t least) const;
    Result<> grow(std::unique_lock<std::mutex>& lock, uint32_t kept);
    Sent welcome(AttachedSubscriber& subscriber);
    bool serve(AttachedSubscriber& subscriber);
    bool serve_all();
    void tell_shortage();
    Result<> await_those_behind(std::unique_lock<std::mutex>& lock);

    const PublisherOptions options_;
    KeyHolder key_;
    std::unique_ptr<Service> service_;

    std::mutex mutex_;
    std::condition_variable changed_; ///< A reader moved on, came or went; or somebody interrupted.
    uint32_t waiters_ = 0;            ///< Threads in wait_for_slot().
    std::shared_ptr<RingGeneration> generation_;
    std::vector<Member> members_;
    cuframes_publisher_stats stats_ = {};
    uint64_t next_epoch_;
    uint64_t latency_ = CUFRAMES_TIME_NONE;
    uint64_t next_id_ = 1;
    bool interrupted_ = false;
    bool ended_before_ring_ = false;
    bool closed_ = false;
    std::atomic<bool> owes_{false};
};

} // namespace cuframes::core
