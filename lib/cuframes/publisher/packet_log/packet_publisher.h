// SPDX-License-Identifier: LGPL-2.1-or-later
/// The packet log as a content: which packets leave for a new one, and who is waited for.
///
/// Packets are copied out by their readers and held by nobody. So room is only a matter of who has yet to read what leaves,
/// and of that only under CUFRAMES_POLICY_WAIT.
#pragma once

#include "publisher/membership.h"
#include "publisher/packet_log/log_generation.h"

#include <memory>
#include <string>

namespace cuframes::core {

class PacketPublisher final : private Content {
public:
    /// With an empty log that readers may attach to at once.
    static Result<std::unique_ptr<PacketPublisher>> create(std::shared_ptr<Membership> membership,
                                                           const LogConfig& config);
    ~PacketPublisher();

    void close() { membership_->close(); }

    Result<> set_caps(const std::string& caps);
    Result<> publish(const PacketInput& packet);
    void drop();
    cuframes_packet_window window();

    /// What a stream of any content has.
    Membership& membership() { return *membership_; }

private:
    PacketPublisher(std::shared_ptr<Membership> membership, const LogConfig& config)
        : config_(config), membership_(std::move(membership)) {}

    // Content.
    ContentKind kind() const override { return ContentKind::packets; }
    const char* item() const override { return "packet"; }
    Result<std::unique_ptr<Share>> admit(const Hello& hello, Lock& lock) override;
    uint64_t joins_after() const override;
    uint32_t patience(const Share& share) const override;
    uint32_t capacity() const override;
    void do_chores() override;
    using Content::add_to;
    void add_to(Report& report) const override;
    void add_to(cuframes_publisher_stats& stats) const override;

    LogGeneration& log() const { return static_cast<LogGeneration&>(*membership_->generation()); }
    bool waits() const { return membership_->options().policy == CUFRAMES_POLICY_WAIT; }

    void let_old_ones_go(uint64_t now);
    uint64_t next_tail() const;
    bool try_to_let_go(uint64_t tail);
    template <class Enough>
    bool let_go_until(Lock& lock, Enough&& enough);
    Error too_large(const PacketInput& packet) const;
    void count_nothing(Lock& lock);

    const LogConfig config_;
    const std::shared_ptr<Membership> membership_;
    // Under the mutex.
    uint64_t bytes_ = 0; ///< Of all packets published.
    bool chores_planned_ = false;
};

} // namespace cuframes::core
