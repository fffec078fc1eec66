// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

/// GstCuframesMemory:
/// @GST_CUFRAMES_MEMORY_AUTO: the sink keeps frames where they come from, the source leaves them where the ring is
/// @GST_CUFRAMES_MEMORY_CUDA: GPU memory
/// @GST_CUFRAMES_MEMORY_SYSTEM: host memory
enum GstCuframesMemory {
    GST_CUFRAMES_MEMORY_AUTO,
    GST_CUFRAMES_MEMORY_CUDA,
    GST_CUFRAMES_MEMORY_SYSTEM,
};

/// GstCuframesPolicy:
/// @GST_CUFRAMES_POLICY_DROP: never wait for readers
/// @GST_CUFRAMES_POLICY_WAIT: wait for strict readers, for a limited time
enum GstCuframesPolicy {
    GST_CUFRAMES_POLICY_DROP,
    GST_CUFRAMES_POLICY_WAIT,
};

/// GstCuframesMode:
/// @GST_CUFRAMES_MODE_NEWEST: skip to the newest frame
/// @GST_CUFRAMES_MODE_STRICT: every frame, in order
enum GstCuframesMode {
    GST_CUFRAMES_MODE_NEWEST,
    GST_CUFRAMES_MODE_STRICT,
};

/// GstCuframesOnGone:
/// @GST_CUFRAMES_ON_GONE_WAIT: wait for the next publisher and go on with it
/// @GST_CUFRAMES_ON_GONE_EOS: end the stream
/// @GST_CUFRAMES_ON_GONE_ERROR: post an error
enum GstCuframesOnGone {
    GST_CUFRAMES_ON_GONE_WAIT,
    GST_CUFRAMES_ON_GONE_EOS,
    GST_CUFRAMES_ON_GONE_ERROR,
};

/// GstCuframesOnEos:
/// @GST_CUFRAMES_ON_EOS_EOS: end the stream
/// @GST_CUFRAMES_ON_EOS_WAIT: go on with what follows, from this publisher or the next
///
/// Since: 0.1
enum GstCuframesOnEos {
    GST_CUFRAMES_ON_EOS_EOS,
    GST_CUFRAMES_ON_EOS_WAIT,
};

/// GstCuframesOnExhausted:
/// @GST_CUFRAMES_ON_EXHAUSTED_COPY: copy the frame, so that the pipeline goes on
/// @GST_CUFRAMES_ON_EXHAUSTED_WAIT: wait until a frame is given back
///
/// Since: 0.1
enum GstCuframesOnExhausted {
    GST_CUFRAMES_ON_EXHAUSTED_COPY,
    GST_CUFRAMES_ON_EXHAUSTED_WAIT,
};

#define GST_TYPE_CUFRAMES_MEMORY (gst_cuframes_memory_get_type())
#define GST_TYPE_CUFRAMES_POLICY (gst_cuframes_policy_get_type())
#define GST_TYPE_CUFRAMES_MODE (gst_cuframes_mode_get_type())
#define GST_TYPE_CUFRAMES_ON_GONE (gst_cuframes_on_gone_get_type())
#define GST_TYPE_CUFRAMES_ON_EOS (gst_cuframes_on_eos_get_type())
#define GST_TYPE_CUFRAMES_ON_EXHAUSTED (gst_cuframes_on_exhausted_get_type())

GType gst_cuframes_memory_get_type();
GType gst_cuframes_policy_get_type();
GType gst_cuframes_mode_get_type();
GType gst_cuframes_on_gone_get_type();
GType gst_cuframes_on_eos_get_type();
GType gst_cuframes_on_exhausted_get_type();

/// Makes the types known to the documentation as part of this plugin.
void gst_cuframes_enums_mark_plugin_api();
