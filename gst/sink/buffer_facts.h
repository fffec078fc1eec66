// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/metadata.h"
#include "shared/settings.h"
#include "sink/settings.h"

#include <gst/base/gstbasesink.h>

namespace cuframes::gst {

/// What a buffer says beside its content, as the library takes it.
struct BufferFacts {
    uint32_t flags = 0;
    cuframes_optional pts{}, dts{}; ///< When it was captured, in CLOCK_MONOTONIC.
    cuframes_optional duration{};
    const void* metadata = nullptr; ///< Valid until the next buffer is read.
    size_t metadata_size = 0;
};

/// Reads that out of the buffers of a sink. The streaming thread's.
class BufferReader {
public:
    BufferReader(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings);

    /// The sink has started.
    void start() { segment_told_ = false; }
    BufferFacts read(GstBuffer* buffer);
    /// Metas, and parts of them, that could not be carried so far; any thread.
    guint64 metas_left_behind() const { return metas_.left_behind(); }

private:
    void tell_segment(const GstSegment& segment, GstBuffer* buffer);

    GstBaseSink* sink_;
    GstElement* element_;
    const ElementSettings<SinkSettings>& settings_;
    MetaWriter metas_;
    bool segment_told_ = false; ///< That it is not in time.
};

} // namespace cuframes::gst
