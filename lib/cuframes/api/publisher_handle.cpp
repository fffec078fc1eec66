// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/publisher_handle.h"

#include <utility>

using namespace cuframes::core;

Result<> cuframes_publisher::decide(cuframes_content content) {
    std::lock_guard lock(mutex_);
    if (std::exchange(decided_, true)) {
        return frames() || packets() ? Result<>()
                                     : Error{CUFRAMES_ERROR_INVALID_STATE,
                                             "this publisher could not begin to admit subscribers; make another one"};
    }
    if (content == CUFRAMES_CONTENT_PACKETS) {
        auto made = PacketPublisher::create(membership_, log_);
        if (!made) {
            return made.error();
        }
        packets_ = std::move(*made);
        packets_now_.store(packets_.get());
        return {};
    }
    frames_ = FramePublisher::create(membership_, ring_);
    frames_now_.store(frames_.get());
    return {};
}

namespace cuframes::core::api {

Error carries_other(const cuframes_publisher& handle, const char* wanted) {
    const std::string& key = handle.membership().options().key;
    if (!handle.frames() && !handle.packets()) {
        return {CUFRAMES_ERROR_INVALID_STATE, text("it is not decided yet what \"", key,
                                                   "\" carries: call cuframes_publisher_configure() for frames, or "
                                                   "cuframes_publisher_set_caps() for packets")};
    }
    return {CUFRAMES_ERROR_INVALID_STATE, text("the publisher of \"", key, "\" carries ",
                                               handle.packets() ? "packets" : "frames", ", and not ", wanted)};
}

} // namespace cuframes::core::api
