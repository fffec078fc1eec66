// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/settings.h"
#include "sink/publication.h"
#include "sink/settings.h"

#include <atomic>
#include <functional>
#include <memory>

namespace cuframes::gst {

/// The frame, or packet, that the sink holds before its pipeline plays: until enough readers have attached, and whether
/// readers see it then, or only when the pipeline plays.
class Preroll {
public:
    /// Publishes what was captured at `capture`, or when its time stamp says.
    using Publish = std::function<GstFlowReturn(GstBuffer* buffer, GstClockTime capture)>;

    Preroll(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings, std::shared_ptr<Publication> publication,
            Publish publish);

    void start();
    void stop();
    /// Whether as many readers as are waited for have been there.
    bool enough_subscribers();
    /// With the preroll lock held: holds the frame, and shows it at once where somebody looks for it.
    GstFlowReturn hold(GstBuffer* buffer);
    /// The frame is rendered; true: it was shown while it was held, and is not to be shown again.
    bool was_shown(GstBuffer* buffer);

    /// Any thread: a reader has come or gone.
    void subscribers_changed();
    /// Any thread, after a flush: `shows` if what is prerolled next is a picture that somebody looks for.
    void flushed(bool shows);

private:
    bool upstream_is_live() const;
    GstFlowReturn hold_for_subscribers();
    bool has_reader_of_this_process() const;
    GstFlowReturn show_prerolled();
    void forget_prerolled();

    GstBaseSink* sink_;
    const ElementSettings<SinkSettings>& settings_;
    std::shared_ptr<Publication> publication_;
    Publish publish_;
    std::atomic<bool> subscribers_came_ = false;
    std::atomic<bool> shows_preroll_ = false;
    std::atomic<bool> prerolls_ = false; ///< There is a buffer below.
    GstBuffer* prerolled_ = nullptr;     ///< Guarded by the preroll lock.
    const GstBuffer* shown_ = nullptr;   ///< While it prerolled; compared with and not used.
};

} // namespace cuframes::gst
