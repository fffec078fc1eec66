// SPDX-License-Identifier: LGPL-2.1-or-later
/// The frame ring as a content: its generations, what its readers may lease, and the producer's way to its slots.
///
/// Frame path (acquire, publish, release): the producer's threads, under the membership's mutex.
#pragma once

#include "publisher/frame_ring/frame_share.h"
#include "publisher/frame_ring/ring_generation.h"
#include "publisher/membership.h"

#include <memory>
#include <optional>

namespace cuframes::core {

class Slot;

struct RingOptions {
    uint32_t slots;     ///< Frames kept for readers; in an elastic ring the fewest.
    uint32_t max_slots; ///< The most: the same where the ring does not grow.

    bool elastic() const { return max_slots > slots; }
};

class FramePublisher final : public std::enable_shared_from_this<FramePublisher>, private Content {
public:
    static std::shared_ptr<FramePublisher> create(std::shared_ptr<Membership> membership, RingOptions options);
    ~FramePublisher();

    void close() { membership_->close(); }

    Result<> configure(GenerationConfig config);
    Result<std::unique_ptr<Slot>> acquire(uint32_t flags);
    /// For a slot.
    Result<> publish(const std::shared_ptr<RingGeneration>& generation, uint32_t slot, const cuframes_frame_info& info,
                     bool copied);
    void release(RingGeneration& generation, uint32_t slot);

    /// What a stream of any content has.
    Membership& membership() { return *membership_; }
    const RingOptions& options() const { return options_; }

private:
    FramePublisher(std::shared_ptr<Membership> membership, RingOptions options)
        : options_(options), membership_(std::move(membership)) {}

    // Content.
    ContentKind kind() const override { return ContentKind::frames; }
    const char* item() const override { return "frame"; }
    Result<std::unique_ptr<Share>> admit(const Hello& hello, Lock& lock) override;
    void tell(const Share& share, Welcome& welcome) const override;
    uint64_t joins_after() const override;
    bool hear(Member& member, const Datagram& datagram) override;
    Sent settle(Member& member) override;
    uint32_t patience(const Share& share) const override;
    uint32_t capacity() const override { return CUFRAMES_MAX_SLOTS; }
    void add_to(Report& report) const override;
    void add_to(cuframes_publisher_stats& stats) const override;
    void add_to(cuframes_subscriber_info& info, const Member& member) const override;

    const std::string& key() const { return membership_->options().key; }
    /// NULL: there is none yet.
    RingGeneration* ring() const { return static_cast<RingGeneration*>(membership_->generation().get()); }

    std::optional<uint32_t> try_acquire(bool protect_unread);
    std::optional<uint32_t> wait_for_slot(Lock& lock);
    bool is_leased(uint32_t slot) const;
    void tell_of_wait(uint64_t waited_ns, LogLater& later) const;
    void tell_of_leases(LogLater& later) const;

    // Who gets how many leases.
    uint32_t granted() const;
    uint32_t leases_to_join(const FrameWish& wish) const;
    uint32_t leases_to_add(uint32_t wanted) const;
    uint32_t leases_left() const;
    uint32_t frames_for(uint32_t leases, uint32_t frames) const;
    Error ring_full(uint32_t least) const;
    Result<> grow(Lock& lock, uint32_t kept);
    void grant(Member& member, const Want& want);
    Sent answer(Member& member);

    const RingOptions options_;
    const std::shared_ptr<Membership> membership_;
    cuframes_publisher_stats own_ = {}; ///< What is counted of frames. Under the mutex.
    mutable uint64_t leases_told_ = 0;  ///< When the log was last told who holds frames for long.
};

} // namespace cuframes::core
