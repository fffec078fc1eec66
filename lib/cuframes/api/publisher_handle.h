// SPDX-License-Identifier: LGPL-2.1-or-later
/// A publisher as the C entry points have it: who is attached, and what it carries, once that is decided.
#pragma once

#include "api/api.h"
#include "publisher/frame_ring/frame_publisher.h"
#include "publisher/packet_log/packet_publisher.h"

#include <atomic>
#include <memory>
#include <mutex>

struct cuframes_publisher {
    cuframes_publisher(std::unique_ptr<cuframes::core::Membership> membership, cuframes::core::RingOptions ring,
                       cuframes::core::LogConfig log)
        : ring_(ring), log_(log), membership_(std::move(membership)) {}

    /// The first one decides; any thread. After an error the key is given back, and every later call is refused.
    cuframes::core::Result<> decide(cuframes_content content);
    cuframes::core::Result<> decide_if_undecided(cuframes_content content) {
        return frames() || packets() ? cuframes::core::Result<>() : decide(content);
    }
    void close() { membership_->close(); }

    cuframes::core::Membership& membership() const { return *membership_; }
    /// NULL: it carries none, or not yet.
    cuframes::core::FramePublisher* frames() const { return frames_now_.load(); }
    cuframes::core::PacketPublisher* packets() const { return packets_now_.load(); }

    const uint32_t forks = cuframes::core::fork_count();

private:
    const cuframes::core::RingOptions ring_;
    const cuframes::core::LogConfig log_;
    const std::shared_ptr<cuframes::core::Membership> membership_;

    std::mutex mutex_; ///< Over deciding.
    bool decided_ = false;
    std::shared_ptr<cuframes::core::FramePublisher> frames_;
    std::unique_ptr<cuframes::core::PacketPublisher> packets_;
    std::atomic<cuframes::core::FramePublisher*> frames_now_ = nullptr;
    std::atomic<cuframes::core::PacketPublisher*> packets_now_ = nullptr;
};

namespace cuframes::core::api {

template <class Handle>
Result<> check(const Handle* handle) {
    if (!handle) {
        return null_error("the handle");
    }
    if (handle->forks != fork_count()) {
        return forked_error();
    }
    return {};
}

/// The checks that every call on a live handle begins with, and the fence against exceptions.
template <class Body>
int call(cuframes_publisher* handle, Body&& body) {
    return guarded([&] {
        if (auto sound = check(handle); !sound) {
            return fail(sound.error());
        }
        return body(*handle);
    });
}

/// What a call for one content makes of a publisher that carries none yet.
enum class Undecided { decides, is_refused };

Error carries_other(const cuframes_publisher& handle, const char* wanted);

template <class Body>
int call_frames(cuframes_publisher* handle, Undecided undecided, Body&& body) {
    return call(handle, [&](cuframes_publisher& p) {
        if (undecided == Undecided::decides) {
            if (auto decided = p.decide_if_undecided(CUFRAMES_CONTENT_FRAMES); !decided) {
                return fail(decided.error());
            }
        }
        return p.frames() ? body(*p.frames()) : fail(carries_other(p, "frames"));
    });
}

template <class Body>
int call_packets(cuframes_publisher* handle, Undecided undecided, Body&& body) {
    return call(handle, [&](cuframes_publisher& p) {
        if (undecided == Undecided::decides) {
            if (auto decided = p.decide_if_undecided(CUFRAMES_CONTENT_PACKETS); !decided) {
                return fail(decided.error());
            }
        }
        return p.packets() ? body(*p.packets()) : fail(carries_other(p, "packets"));
    });
}

} // namespace cuframes::core::api
