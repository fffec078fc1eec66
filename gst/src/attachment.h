// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/settings.h"
#include "src/content_reader.h"
#include "src/latency.h"
#include "src/settings.h"

#include <cuframes/cuframes.h>

#include <atomic>
#include <shared_mutex>

namespace cuframes::gst {

/// The subscriber that the element has, and all that is the same whatever it reads: who publishes, what is waited for, what
/// ends the stream, and how late things come.
class Attachment {
public:
    Attachment(GstElement* element, const ElementSettings<SrcSettings>& settings)
        : element_(element), settings_(settings) {}
    ~Attachment();
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

    /// The element starts.
    void reset();
    /// Makes the subscriber that `reader` asks for and lets `reader` begin with it; `before` has the one there is, which
    /// goes. False: an error was posted.
    bool attach(ContentReader& reader, ContentReader* before);
    /// The element stops: `reader` lets go of the subscriber.
    void detach(ContentReader& reader);

    void set_interrupted(bool interrupted);
    /// Calls `act` while no subscriber comes or goes. Any thread.
    template <typename Act>
    void hold(Act act) const {
        const std::shared_lock life(life_);
        act();
    }
    /// Any thread; after a stop those of the end.
    GstStructure* stats(const ReaderCounts& counts) const;
    GstClockTime latency() const { return latency_.value(); }

    /// Takes the next one by `next`, a call of the library. The end of a stream that is not to end here passes unseen.
    template <typename Next>
    int take(Next next) {
        tell_of_waiting();
        int result;
        do {
            result = next();
        } while (result == CUFRAMES_ERROR_EOS && settings_.copy().on_eos == GST_CUFRAMES_ON_EOS_WAIT);
        return result;
    }
    /// What the result of a call means for the stream. Errors are posted.
    GstFlowReturn flow_of(int result);

    /// Takes in when one was captured and became visible, and what the publisher tells; true if another latency follows.
    bool learn_latency(GstClockTime told, GstClockTime capture, GstClockTime visible);

private:
    void state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid);
    int make_subscriber(const ContentReader& reader, cuframes_subscriber** subscriber);
    void tell_of_waiting();

    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    LatencyMeter latency_;
    bool waiting_told_ = false; ///< The streaming thread's.

    mutable std::shared_mutex
        life_; ///< Shared by calls of other threads, exclusive to make and destroy the subscriber.
    cuframes_subscriber* subscriber_ = nullptr;
    std::atomic<bool> interrupted_ = false;
    GstStructure* last_stats_ = nullptr; ///< Of the subscriber that was stopped.
};

} // namespace cuframes::gst
