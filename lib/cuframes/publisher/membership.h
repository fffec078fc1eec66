// SPDX-License-Identifier: LGPL-2.1-or-later
/// Who is attached to a publisher, whatever it carries: key, members, generations, ends, wake-ups, and waiting for readers.
///
/// One mutex of this process lies over the stream's private state, the members and the statistics, and over the
/// content's own. The content's calls come from the producer's threads; admission, messages and deaths from the service
/// thread, which sees no more than Reception. No lock is ever shared with another process.
#pragma once

#include "base/deadline.h"
#include "ipc/rendezvous.h"
#include "publisher/content.h"
#include "publisher/rate.h"
#include "publisher/reception.h"
#include "ring/handshake.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace cuframes::core {

class LogLater;
class Service;

struct MembershipOptions {
    std::string key;
    std::string directory;
    AccessRule access;
    cuframes_policy policy;
    uint32_t wait_timeout_ms;
    uint32_t max_subscribers;
    cuframes_subscriber_added_func on_added;
    cuframes_subscriber_removed_func on_removed;
    void* user_data;
};

/// What a content waits for under CUFRAMES_POLICY_WAIT. Called under the mutex.
struct Room {
    std::function<bool()> take;       ///< Whether there is some now, with what nobody needs: then it was taken.
    std::function<bool()> hopeless;   ///< Whether no reader can make any.
    std::function<uint64_t()> wanted; ///< The item that had to go; who has not come to it yet is in the way. 0: none.
    std::optional<std::chrono::milliseconds> look_again; ///< Where some may come without a message.
};

class Membership final : private Reception {
public:
    using Lock = Content::Lock;
    using Members = std::vector<std::shared_ptr<Member>>;
    using Maker = std::function<Result<std::shared_ptr<ContentGeneration>>(const GenerationPlace&)>;

    /// Takes the key: readers may connect, and wait to be admitted.
    static Result<std::unique_ptr<Membership>> create(MembershipOptions options);
    ~Membership();

    /// Begins to admit readers. The content has to live until close() has returned.
    void open(Content& content);
    /// Lets all go, and gives the key back. Under CUFRAMES_POLICY_WAIT it waits before that for those readers that are at
    /// work and lack the newest generation, unless it is interrupted.
    void close();

    const MembershipOptions& options() const { return options_; }
    const std::string& path() const { return key_.path(); }

    // For everybody.

    void set_latency(uint64_t latency);
    /// One number of the stream goes to an item that nobody will see.
    void drop();
    void eos();
    Result<> wait_subscribers(uint32_t count, int64_t timeout_ms);
    void set_interrupted(bool interrupted);
    cuframes_publisher_stats stats();
    std::vector<cuframes_subscriber_info> subscribers();

    // For the content.

    Lock lock() { return Lock(mutex_); }

    /// Makes a generation that follows the one before; `make` is called under the mutex. Under CUFRAMES_POLICY_WAIT it waits
    /// until those readers that are at work can follow.
    Result<> renew(const Maker& make);

    // For the content, under the mutex.

    const std::shared_ptr<ContentGeneration>& generation() const { return generation_; }
    const Members& members() const { return members_; }
    uint32_t free_seats() const;
    uint64_t last_sequence() const { return stats_.last_sequence; }
    uint64_t waited_ns() const { return stats_.waited_ns; }
    bool interrupted() const { return interrupted_; }

    /// The number of an item that is made visible next.
    uint64_t next_sequence();
    /// `change` makes it visible; then those who sleep are woken.
    template <class Change>
    void make_visible(Change&& change) {
        ring::change_then_look(std::forward<Change>(change), [this] { wake_sleepers(); });
    }
    /// Whether some reader must not lose an item yet.
    bool is_needed(uint64_t sequence) const;
    /// The next number goes to an item that nobody will see.
    void count_dropped();
    /// An item is overwritten. 0: there was none.
    void count_lapped(uint64_t sequence);
    /// A reader has more than before, or something else that is waited for happened.
    void notify() { changed_.notify_all(); }
    /// CUFRAMES_POLICY_WAIT: until there is room, or every reader in the way has been given up. False: there is none,
    /// we were interrupted, or there is another generation now.
    bool wait_for_room(Lock& lock, const Room& room);

    /// Has the content's do_chores() called soon. Under the mutex or not.
    void plan_chores();

    // For the content, not under the mutex.

    /// What was to be sent could not be, as something was short: it is tried again.
    void tell_shortage();

private:
    Membership(MembershipOptions options, KeyHolder key);

    // Reception.
    const std::string& key() const override { return options_.key; }
    const AccessRule& access() const override { return options_.access; }
    int listening_fd() const override { return key_.listening_fd(); }
    bool is_open() const override { return open_.load(); }
    Result<Guest> admit(const Hello& hello, const std::shared_ptr<Connection>& connection) override;
    void count_refused() override;
    void announce(const Guest& member) override;
    void remove(const Guest& member, cuframes_leave_reason reason) override;
    void goodbye(const Guest& member) override;
    void progress() override;
    void supply(const Guest& member, const Need& need) override;
    bool hear(const Guest& member, const Datagram& datagram) override { return content_->hear(*member, datagram); }
    Result<Report::Sealed> report() override;
    bool owes() const override { return owes_.load(); }
    void serve() override;
    bool has_chores() const override { return chores_.load(); }
    void do_chores() override;

    Result<> check_hello(const Hello& hello) const;
    Result<> check_seats() const;
    Sent welcome(Member& member);
    bool serve(Member& member);
    bool serve_all();
    cuframes_publisher_stats stats_now() const;
    cuframes_subscriber_info info(const Member& member) const;

    static Ended ended_before_generation();
    uint32_t ends_before_now() const;
    uint32_t present() const;

    void replace_generation(std::shared_ptr<ContentGeneration> next);
    void wake_sleepers();
    Result<> await_those_behind(Lock& lock);
    bool await_room(Lock& lock, const Room& room);
    void forget_wait(uint32_t more = 0);
    bool give_up_late_readers(uint64_t wanted, Deadline& look_again);
    bool give_up_if_late(Member& member, uint64_t wanted, Deadline& look_again);

    const MembershipOptions options_;
    KeyHolder key_;

    std::mutex mutex_;
    Content* content_ = nullptr;      ///< From open() on to close().
    std::atomic<bool> open_{false};   ///< Stored after it: the service thread looks at this first.
    std::condition_variable changed_; ///< A reader moved on, came or went; or somebody interrupted.
    uint32_t waiters_ = 0;            ///< Threads in wait_for_room().
    std::shared_ptr<ContentGeneration> generation_;
    Members members_;
    cuframes_publisher_stats stats_ = {}; ///< What is counted for every content.
    Rate rate_;
    uint64_t next_epoch_;
    uint64_t latency_ = CUFRAMES_TIME_NONE;
    uint64_t next_id_ = 1;
    bool interrupted_ = false;
    bool ended_before_generation_ = false;
    bool closed_ = false;
    std::atomic<bool> owes_{false};
    std::atomic<bool> chores_{false};

    std::unique_ptr<Service> service_; ///< The last, as its thread uses the others.
};

} // namespace cuframes::core
