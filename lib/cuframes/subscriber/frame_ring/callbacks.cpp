// SPDX-License-Identifier: LGPL-2.1-or-later
/// The callback form: a thread that calls next().
#include "base/thread.h"
#include "subscriber/frame_ring/frame_subscriber.h"

namespace cuframes::core {

Result<> FrameSubscriber::start(cuframes_frame_func func, void* user_data) {
    if (thread_.joinable()) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "this subscriber's thread runs already"};
    }
    connector_->set_stopping(false);
    auto thread = start_thread("cuframes-read", [this, func, user_data] { run_callbacks(func, user_data); });
    if (!thread) {
        return thread.error();
    }
    thread_ = std::move(*thread);
    return {};
}

void FrameSubscriber::stop() {
    if (!thread_.joinable()) {
        return;
    }
    // Not as an interruption, which is the caller's, and may be set and cleared meanwhile.
    connector_->set_stopping(true);
    resumptions_.fetch_add(1);
    resumptions_.notify_all();
    thread_.join();
    connector_->set_stopping(false);
}

/// Until the interruption is taken back, or the thread is to end.
void FrameSubscriber::pause_callbacks() {
    for (;;) {
        const uint32_t seen = resumptions_.load();
        if (!connector_->interrupted() || connector_->stopping()) {
            return;
        }
        resumptions_.wait(seen);
    }
}

void FrameSubscriber::run_callbacks(cuframes_frame_func func, void* user_data) {
    while (!connector_->stopping()) {
        auto got = next(-1);
        const int error = got ? CUFRAMES_OK : got.error().code;
        if (error == CUFRAMES_ERROR_INTERRUPTED) {
            pause_callbacks();
        } else if (error == CUFRAMES_ERROR_LEASES_EXHAUSTED) {
            (void)static_cast<bool>(wait_lease(-1));
        } else if (!func(got ? reinterpret_cast<cuframes_frame*>(*got) : nullptr, error, user_data)) {
            return;
        }
    }
}

} // namespace cuframes::core
