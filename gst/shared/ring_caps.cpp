// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/ring_caps.h"

#include "shared/cuda_context.h"

#include <gst/video/video.h>

namespace cuframes::gst {

GstCaps* ring_caps(const char* caps, const cuframes_geometry& geometry) {
    if (caps[0] != '\0') {
        return gst_caps_from_string(caps);
    }
    return gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, geometry.format, "width", G_TYPE_INT,
                               static_cast<gint>(geometry.width), "height", G_TYPE_INT,
                               static_cast<gint>(geometry.height), "framerate", GST_TYPE_FRACTION, 0, 1, nullptr);
}

void set_memory_feature(GstCaps* caps, bool on_gpu) {
    // Buffers may be single fields.
    const bool fields = gst_caps_features_contains(gst_caps_get_features(caps, 0), GST_CAPS_FEATURE_FORMAT_INTERLACED);
    GstCapsFeatures* features = on_gpu || fields ? gst_caps_features_new_empty() : nullptr;
    if (on_gpu) {
        gst_caps_features_add(features, CUFRAMES_GST_CUDA_MEMORY_FEATURE);
    }
    if (fields) {
        gst_caps_features_add(features, GST_CAPS_FEATURE_FORMAT_INTERLACED);
    }
    gst_caps_set_features(caps, 0, features);
}

} // namespace cuframes::gst
