// SPDX-License-Identifier: LGPL-2.1-or-later
/// Finds a publisher, follows its generations, has the content take what is in them, and starts over when the publisher
/// dies.
///
///     phase      what happens                               next       told
///     waiting    a socket is found, Hello sent              joining
///     joining    Welcome                                    attached   attached
///                Refused, or what is no welcome             waiting    the error; after a pause, longer each time
///                hang-up, or another socket in its place    waiting    after a moment
///     attached   a generation is adopted                    attached   attached, with its epoch
///                what is no message, no memory, …           waiting    the error; after a pause, longer each time
///                hang-up, or its process has ended          draining
///     draining   what it left has been taken                waiting    gone, unless an end was told last; waiting
///
/// enter() is the only one to change the phase, and does what each begins with.
///
/// attach(), next() and wait_until() run on one thread at a time; everything else is for any thread, where nothing is said.
#pragma once

#include "base/deadline.h"
#include "subscriber/content.h"
#include "subscriber/poller.h"
#include "subscriber/publisher_watch.h"
#include "subscriber/retry_timer.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cuframes::core {

struct ConnectorOptions {
    std::string key;
    std::string directory; ///< Empty: the usual ones.
    std::string name;
    cuframes_mode mode;
    int64_t connect_timeout_ms; ///< 0: for ever.
    bool end_when_gone;
    cuframes_subscriber_state_func on_state;
    void* user_data;
};

class Connector {
public:
    enum class Phase { waiting, joining, attached, draining };

    /// The content has to live as long.
    static Result<std::unique_ptr<Connector>> create(ConnectorOptions options, ReaderContent& content);
    ~Connector();

    Result<> attach(int64_t timeout_ms);
    /// Until the content has kept an item.
    Result<> next(int64_t timeout_ms);
    /// Sleeps until `ready` says so, which is asked now and after each event; items are none. At once without a generation.
    /// `what`: did not happen in time.
    Result<> wait_until(int64_t timeout_ms, const std::function<Result<bool>()>& ready, const std::string& what);

    int fd();
    void set_interrupted(bool interrupted);
    bool interrupted() const { return interrupted_.load(); }
    /// The same, on behalf of whoever ends this.
    /// What is counted for every content.
    cuframes_subscriber_stats stats();

    // For the content, from the thread that takes items.

    const ConnectorOptions& options() const { return options_; }
    /// Admitted by a publisher that is there still.
    bool attached() const { return phase_ == Phase::attached; }
    /// NULL: there is none.
    AdoptedGeneration* generation() const { return generation_.get(); }
    /// While attached.
    const std::shared_ptr<Link>& link() const { return link_; }
    const std::shared_ptr<Waker>& poke() const { return poke_; }
    /// A message of the content's is on its way: it is looked for even where there are items.
    void expect_answer(bool expected) { answer_expected_ = expected; }

private:
    using Clock = std::chrono::steady_clock;

    Connector(ConnectorOptions options, ReaderContent& content)
        : options_(std::move(options)),
          content_(content),
          directory_(options_.directory.empty() ? directory_to_read(options_.key) : options_.directory),
          watch_(directory_, options_.key) {}
    Result<> prepare();
    void enter(Phase phase);

    // Repeats a step, which gives an error to report, or whether it is done; sleeps between.
    Result<> repeat(int64_t timeout_ms, Result<bool> (Connector::*step)());
    Result<bool> advance_attach();
    Result<bool> advance();
    Result<> advance_link();
    Result<> adopt_announced();

    // Following the generations.
    Result<bool> take();
    void deliver(const Found& found);
    Result<bool> without_part();
    Result<bool> advance_after_damage();
    Result<bool> at_end_of_generation(StreamState stream, uint64_t last_sequence);
    Result<> adopt_next();
    Error tell_end();
    Result<> end_of_link(uint64_t last_sequence);
    void ask_for_more();
    void pass(uint64_t missed);
    void count(uint64_t missed);
    void set_state(cuframes_subscriber_state state, uint64_t epoch);

    // Finding a publisher.
    Result<Connection> connect_or_watch();
    Result<> connect();
    Result<> join(Connection connection, const std::optional<FileIdentity>& socket);
    Result<> fail_attach(const Error& error);
    void tell_of_wait(const std::string& why);
    void try_again_in(std::chrono::milliseconds delay);
    bool may_connect() const;
    void leave_if_replaced();
    void look_into_directory();
    void let_go();

    // Hearing it.
    bool hear();
    bool handle_all(std::span<Datagram> datagrams);
    bool expects_messages() const;
    void lose_publisher();
    Error out_of_descriptors() const;
    Error damaged(const char* what) const;
    void handle(Datagram& datagram);
    void handle_welcome(const Datagram& datagram);
    void handle_refused(const Datagram& datagram);
    void handle_generation(Datagram& datagram);
    void handle_part(Datagram& datagram);
    void handle_ended(const Datagram& datagram);

    // Sleeping.
    void clear_interrupt();
    bool wait(const Deadline& deadline);
    bool tells_of_items();
    void keep_readable(const Error* error);
    bool is_armed(const Error* error);
    void on_event(Poller::Source source, bool hung_up);
    Result<> check_connect_timeout() const;
    Deadline connect_deadline() const;
    Deadline earliest(Deadline deadline) const;

    const ConnectorOptions options_;
    ReaderContent& content_;
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
    Phase phase_ = Phase::waiting;
    std::shared_ptr<Link> link_; ///< In every phase but waiting.
    std::shared_ptr<AdoptedGeneration> generation_;
    /// What announced a generation, and the parts of memory that followed.
    struct Announcement {
        Datagram generation;
        std::vector<Datagram> parts;
    };
    std::optional<Announcement> announced_; ///< Not adopted: the generation before is read to its end first.
    uint64_t received_epoch_ = 0;           ///< Of the generation announced last.
    bool needs_ = false;                    ///< A Need is unanswered.
    bool answer_expected_ = false;          ///< So is something of the content's.
    uint64_t missed_between_ = 0; ///< Between generations: counted already, and to be told with the next item.
    bool passed_over_ = false;    ///< The generation announced last was, and its parts are too.
    uint32_t sleeps_unheard_ = 0; ///< Since the socket was read.
    Inbox inbox_;
    std::optional<Error> damage_; ///< To be reported by the next step, which starts over.
    Clock::time_point created_ = Clock::now();
    Clock::time_point not_before_ = {}; ///< Back-off after a refusal.
    std::chrono::milliseconds backoff_{0};
    bool look_for_socket_ = true;
    bool ever_attached_ = false;
    bool wait_told_ = false; ///< Of this search.
    bool end_reported_ = false;
    bool first_from_publisher_ = false;
    bool waits_ = false;   ///< Found::waits or part_missing: an item is no reason to wake up.
    bool no_room_ = false; ///< Found::no_room was the last.
    bool poked_ = false;   ///< fd() was made readable, and nobody has waited since.

    std::mutex mutex_; ///< Over what other threads read.
    cuframes_subscriber_stats stats_ = {};
};

} // namespace cuframes::core
