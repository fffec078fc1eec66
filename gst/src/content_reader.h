// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "src/settings.h"

#include <cuframes/cuframes.h>
#include <gst/gst.h>

namespace cuframes::gst {

/// What a reader has counted, beside what the library counts.
struct ReaderCounts {
    guint64 copied = 0;        ///< Copied out of the ring here.
    guint64 early = 0;         ///< Taken, and left out, as it belongs to no moment of this pipeline.
    guint64 metas_skipped = 0; ///< Metas that could not be read here.
};

/// Makes buffers of one content of a key. The functions are the streaming thread's, but for those that say otherwise.
class ContentReader {
public:
    virtual ~ContentReader() = default;

    /// What to ask the library for.
    virtual cuframes_subscriber_options options(const SrcSettings& settings) const = 0;
    /// Begins with a subscriber of that content, and forgets it. Not while another function runs.
    virtual void start(cuframes_subscriber* subscriber) = 0;
    virtual void stop() = 0;

    /// The next buffer. flow_other_content: the key carries another content now.
    virtual GstFlowReturn create(GstBuffer** buffer) = 0;
    /// Downstream has changed: agrees with it on the caps there are; that there are none yet is no failure.
    virtual bool negotiate() = 0;
    virtual bool decide_allocation(GstQuery* query) = 0;

    /// The caps there are; NULL: none yet. A reference. Any thread.
    virtual GstCaps* caps() const = 0;
    /// The pipeline runs, or goes on, from this running time. Any thread.
    virtual void run_from(GstClockTimeDiff running) = 0;
    /// A flush has ended, after which running time begins anew. Any thread.
    virtual void restart_time() = 0;
    /// What the pipeline's sinks wait for. Any thread.
    virtual void set_pipeline_latency(GstClockTime latency) = 0;
    /// Any thread.
    virtual ReaderCounts counts() const = 0;
};

inline constexpr GstFlowReturn flow_other_content = GST_FLOW_CUSTOM_ERROR;

} // namespace cuframes::gst
