// SPDX-License-Identifier: LGPL-2.1-or-later
/// A subscriber as the C entry points have it: of frames, or of packets.
#pragma once

#include "api/api.h"
#include "subscriber/frame_ring/frame_subscriber.h"
#include "subscriber/packet_log/packet_subscriber.h"

#include <memory>

struct cuframes_subscriber {
    // One of them.
    std::unique_ptr<cuframes::core::FrameSubscriber> frames;
    std::unique_ptr<cuframes::core::PacketSubscriber> packets;

    const uint32_t forks = cuframes::core::fork_count();

    cuframes::core::Connector& connector() const { return frames ? frames->connector() : packets->connector(); }
};

namespace cuframes::core::api {

/// The checks that every call on a handle begins with, and the fence against exceptions.
template <class Body>
int call(cuframes_subscriber* handle, Body&& body) {
    return guarded([&] {
        if (!handle) {
            return fail(null_error("the handle"));
        }
        if (handle->forks != fork_count()) {
            return fail(forked_error());
        }
        return body(*handle);
    });
}

template <class Body>
int call_frames(cuframes_subscriber* handle, Body&& body) {
    return call(handle, [&](cuframes_subscriber& s) {
        return s.frames
                   ? body(*s.frames)
                   : fail({CUFRAMES_ERROR_INVALID_STATE, "this subscriber reads packets, and this call is of frames"});
    });
}

template <class Body>
int call_packets(cuframes_subscriber* handle, Body&& body) {
    return call(handle, [&](cuframes_subscriber& s) {
        return s.packets
                   ? body(*s.packets)
                   : fail({CUFRAMES_ERROR_INVALID_STATE, "this subscriber reads frames, and this call is of packets"});
    });
}

} // namespace cuframes::core::api
