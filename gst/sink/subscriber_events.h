// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <gst/gst.h>

#include <deque>
#include <mutex>
#include <optional>
#include <string>

namespace cuframes::gst {

/// Carries arrivals and departures of subscribers from the library's service thread, which must not be held up, to one
/// that may run signal handlers: those may take their time, read statistics and even stop the sink. Order is kept.
class SubscriberEvents {
public:
    struct Event {
        std::string name;
        int pid;
        std::optional<cuframes_leave_reason> left; ///< Nothing: it came.
    };
    /// Called for one event at a time, with no lock held.
    using Deliver = void (*)(GstElement* element, const Event& event);

    SubscriberEvents(GstElement* element, Deliver deliver) : element_(element), deliver_(deliver) {}

    void push(const cuframes_subscriber_info& who, std::optional<cuframes_leave_reason> left);

private:
    void drain();

    GstElement* element_;
    Deliver deliver_;
    std::mutex mutex_;
    std::deque<Event> events_;
    bool delivering_ = false;
};

} // namespace cuframes::gst
