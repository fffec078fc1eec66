// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/frame_ring/frame_subscriber.h"

#include <algorithm>

namespace cuframes::core {

Result<std::unique_ptr<FrameSubscriber>> FrameSubscriber::create(SubscriberOptions options) {
    std::unique_ptr<FrameSubscriber> subscriber(new FrameSubscriber(std::move(options)));
    auto connector = Connector::create(subscriber->options_.connector, *subscriber);
    if (!connector) {
        return connector.error();
    }
    subscriber->connector_ = std::move(*connector);
    return subscriber;
}

FrameSubscriber::~FrameSubscriber() { connector_.reset(); }

Result<Frame*> FrameSubscriber::next(int64_t timeout_ms) {
    if (auto got = connector_->next(timeout_ms); !got) {
        return got.error();
    }
    return std::exchange(kept_, nullptr);
}

void FrameSubscriber::ask(Hello& hello) const {
    hello.frames.leases = leases_wanted_;
    hello.frames.least = options_.min_held;
    hello.frames.copies = options_.copies ? 1 : 0;
    hello.frames.grows = options_.grows ? 1 : 0;
}

bool FrameSubscriber::welcome(const Welcome& welcome) {
    if (welcome.granted < 1 || welcome.granted > CUFRAMES_MAX_HELD) {
        return false;
    }
    account_ = std::make_shared<LeaseAccount>();
    account_->granted = welcome.granted;
    account_->copies = options_.copies ? 1 : 0;
    std::lock_guard lock(mutex_);
    max_held_ = welcome.granted;
    shared_account_ = account_;
    return true;
}

void FrameSubscriber::leave() {
    set_asked(false);
    frames_wanted_ = 0;
    ask_again_ = {};
    ring_.reset();
    account_.reset();
    std::lock_guard lock(mutex_);
    shared_account_.reset();
    shared_ring_.reset();
}

Result<std::shared_ptr<AdoptedGeneration>> FrameSubscriber::open(const std::shared_ptr<Link>& link,
                                                                 const Datagram& datagram) {
    auto opened = AttachedRing::open(link, account_, datagram, options_.connector.mode, options_.read);
    if (!opened) {
        return opened.error();
    }
    return std::shared_ptr<AdoptedGeneration>(std::move(*opened));
}

void FrameSubscriber::adopt(const std::shared_ptr<AdoptedGeneration>& generation) {
    ring_ = std::static_pointer_cast<AttachedRing>(generation);
    std::lock_guard lock(mutex_);
    for (void* context : cuda_contexts_) {
        ring_->frames().add_context(context);
    }
    shared_ring_ = ring_;
}

Result<Found> FrameSubscriber::take(AdoptedGeneration&) {
    for (;;) {
        const auto found = ring_->take(latency_.load(std::memory_order_relaxed));
        if (const auto* lease = std::get_if<AttachedRing::Lease>(&found)) {
            taken_ = *lease;
            return Found{Found::What::item, lease->taken.sequence, lease->taken.missed};
        }
        switch (std::get<AttachedRing::Nothing>(found)) {
        case AttachedRing::Nothing::lease_under_way:
            return Found{Found::What::waits};
        case AttachedRing::Nothing::lease_lost:
            return ring_->lost_leases();
        case AttachedRing::Nothing::memory_missing:
            return Found{Found::What::part_missing};
        case AttachedRing::Nothing::end:
            return Found{Found::What::end};
        case AttachedRing::Nothing::no_frame:
            return Found{Found::What::nothing};
        case AttachedRing::Nothing::no_lease:
            break;
        }
        if (const Wait wait = wait_for_lease(); wait != Wait::look_again) {
            return Found{wait == Wait::sleep ? Found::What::waits : Found::What::no_room};
        }
    }
}

void FrameSubscriber::keep(const Arrival& arrival) {
    kept_ = new Frame(ring_, taken_, arrival.missed, arrival.discontinuity);
}

cuframes_subscriber_stats FrameSubscriber::stats() {
    cuframes_subscriber_stats out = connector_->stats();
    std::lock_guard lock(mutex_);
    out.max_held = max_held_;
    if (auto account = shared_account_.lock()) {
        out.held = account->held.load();
    }
    return out;
}

Result<> FrameSubscriber::add_cuda_context(void* context) {
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

} // namespace cuframes::core
