// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasesink.h>

G_BEGIN_DECLS

#define GST_TYPE_CUFRAMES_SINK (gst_cuframes_sink_get_type())
G_DECLARE_FINAL_TYPE(GstCuframesSink, gst_cuframes_sink, GST, CUFRAMES_SINK, GstBaseSink)

GST_ELEMENT_REGISTER_DECLARE(cuframessink)

G_END_DECLS

namespace cuframes::gst {
class SinkState;
}

struct _GstCuframesSink {
    GstBaseSink parent;
    cuframes::gst::SinkState* state;
};
