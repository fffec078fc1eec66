// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/subscriber_events.h"

namespace cuframes::gst {

void SubscriberEvents::push(const cuframes_subscriber_info& who, std::optional<cuframes_leave_reason> left) {
    {
        const std::lock_guard lock(mutex_);
        events_.push_back({who.name, who.pid, left});
        if (delivering_) {
            return;
        }
        delivering_ = true;
    }
    // Holds a reference to the element until it ran.
    gst_element_call_async(
        element_, [](GstElement*, gpointer self) { static_cast<SubscriberEvents*>(self)->drain(); }, this, nullptr);
}

void SubscriberEvents::drain() {
    std::unique_lock lock(mutex_);
    while (!events_.empty()) {
        const Event event = std::move(events_.front());
        events_.pop_front();
        lock.unlock();
        deliver_(element_, event);
        lock.lock();
    }
    delivering_ = false;
}

} // namespace cuframes::gst
