// SPDX-License-Identifier: LGPL-2.1-or-later
/// Reading frames: the frame ring as a connector's content, and what its caller can do with it.
///
/// connect, next(), wait_lease() and want() run on one thread at a time; everything else is for any thread.
#pragma once

#include "subscriber/connector.h"
#include "subscriber/frame_ring/frame.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace cuframes::core {

struct SubscriberOptions {
    ConnectorOptions connector;
    ReadOptions read;
    uint32_t max_held; ///< Leases at first.
    uint32_t min_held; ///< With fewer it does not attach.
    bool grows;        ///< Asks for more when all are held.
    bool copies;       ///< One lease more, to copy frames with.
};

class FrameSubscriber final : private ReaderContent {
public:
    static Result<std::unique_ptr<FrameSubscriber>> create(SubscriberOptions options);
    ~FrameSubscriber();

    Result<Frame*> next(int64_t timeout_ms);
    Result<> wait_lease(int64_t timeout_ms);
    void want(uint32_t leases, uint32_t frames);
    void set_latency(uint64_t latency) { latency_.store(latency, std::memory_order_relaxed); }

    Connector& connector() { return *connector_; }
    Result<> add_cuda_context(void* context);
    cuframes_subscriber_stats stats();

private:
    explicit FrameSubscriber(SubscriberOptions options)
        : options_(std::move(options)), leases_wanted_(options_.max_held), max_held_(options_.max_held) {}

    // ReaderContent.
    ContentKind kind() const override { return ContentKind::frames; }
    const char* item() const override { return "frame"; }
    void ask(Hello& hello) const override;
    bool welcome(const Welcome& welcome) override;
    void leave() override;
    bool hear(const Datagram& datagram) override;
    size_t descriptors() const override { return AttachedRing::descriptors; }
    Result<std::shared_ptr<AdoptedGeneration>> open(const std::shared_ptr<Link>& link,
                                                    const Datagram& datagram) override;
    void adopt(const std::shared_ptr<AdoptedGeneration>& generation) override;
    Result<Found> take(AdoptedGeneration& generation) override;
    void keep(const Arrival& arrival) override;
    Error no_room() const override;
    bool tells_of_room() override;

    /// When all leases are held.
    enum class Wait { sleep, look_again, give_up };
    Wait wait_for_lease();
    void set_asked(bool asked);

    const SubscriberOptions options_;

    // Of the thread in next().
    std::shared_ptr<LeaseAccount> account_;                ///< Of the publisher that has admitted us.
    std::shared_ptr<AttachedRing> ring_;                   ///< Adopted last.
    AttachedRing::Lease taken_ = {};                       ///< Until keep().
    Frame* kept_ = nullptr;                                ///< Until next() returns it.
    bool asked_ = false;                                   ///< A Want is unanswered.
    std::chrono::steady_clock::time_point ask_again_ = {}; ///< After one that was not met.
    uint32_t leases_wanted_;                               ///< Asked of the next publisher too.
    uint32_t frames_wanted_ = 0;
    std::atomic<uint64_t> latency_{CUFRAMES_TIME_NONE};

    std::mutex mutex_; ///< Over what other threads read.
    uint32_t max_held_;
    std::vector<void*> cuda_contexts_;
    std::weak_ptr<AttachedRing> shared_ring_;    ///< ring_, for add_cuda_context().
    std::weak_ptr<LeaseAccount> shared_account_; ///< account_, for stats().

    std::unique_ptr<Connector> connector_; ///< The last, as it uses the others.
};

} // namespace cuframes::core
