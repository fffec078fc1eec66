// SPDX-License-Identifier: LGPL-2.1-or-later
/// When all leases are held: asking the publisher for more, or waiting until one is given back.
#include "subscriber/frame_ring/frame_subscriber.h"

#include <algorithm>

namespace cuframes::core {

using std::chrono::steady_clock;

FrameSubscriber::Wait FrameSubscriber::wait_for_lease() {
    if (options_.grows && connector_->attached()) {
        want(account_->granted * 2, 0);
    }
    if (!options_.grows || !asked_ || !connector_->attached()) {
        return Wait::give_up;
    }
    // One that another thread gives back meanwhile will do as well.
    account_->starving.store(true);
    return ring_->leases() == AttachedRing::Leases::all_held ? Wait::sleep : Wait::look_again;
}

Error FrameSubscriber::no_room() const {
    return {CUFRAMES_ERROR_LEASES_EXHAUSTED,
            text("all ", account_->granted.load(), " frames that this subscriber of \"", options_.connector.key,
                 "\" may hold are held; release one",
                 options_.grows ? ", as the ring has no more" : ", or ask for a larger max-held")};
}

bool FrameSubscriber::tells_of_room() {
    account_->starving.store(true);
    return ring_->leases() != AttachedRing::Leases::free;
}

void FrameSubscriber::set_asked(bool asked) {
    asked_ = asked;
    if (connector_) {
        connector_->expect_answer(asked);
    }
}

void FrameSubscriber::want(uint32_t leases, uint32_t frames) {
    leases = std::min<uint32_t>(leases, CUFRAMES_MAX_HELD);
    if (!options_.grows) {
        leases = std::min(leases, options_.max_held);
    }
    const bool wants = connector_->attached() && (leases > account_->granted || frames > frames_wanted_);
    if (!wants || asked_ || steady_clock::now() < ask_again_) {
        return;
    }
    leases_wanted_ = std::max(leases_wanted_, leases);
    frames_wanted_ = std::max(frames_wanted_, frames);
    Want message = {};
    message.leases = std::max(leases, account_->granted.load());
    message.frames = frames_wanted_;
    set_asked(connector_->link()->connection.send(message) == Sent::yes);
}

bool FrameSubscriber::hear(const Datagram& datagram) {
    if (datagram.type != MessageType::granted) {
        return true;
    }
    Granted granted;
    if (!datagram.as(granted, 0) || granted.leases < account_->granted || granted.leases > CUFRAMES_MAX_HELD) {
        return false;
    }
    set_asked(false);
    if (granted.leases < leases_wanted_) {
        constexpr std::chrono::milliseconds pause(1000); // Others may have left by then.
        ask_again_ = steady_clock::now() + pause;
    }
    account_->granted = granted.leases;
    std::lock_guard lock(mutex_);
    max_held_ = granted.leases;
    return true;
}

Result<> FrameSubscriber::wait_lease(int64_t timeout_ms) {
    const auto ready = [this]() -> Result<bool> {
        account_->starving.store(true); // Before looking: who gives one back after this look pokes us.
        const AttachedRing::Leases state = ring_->leases();
        if (state == AttachedRing::Leases::lost) {
            return ring_->lost_leases();
        }
        return state == AttachedRing::Leases::free;
    };
    return connector_->wait_until(timeout_ms, ready, text("no frame of \"", options_.connector.key, "\" was released"));
}

} // namespace cuframes::core
