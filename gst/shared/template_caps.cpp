// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/template_caps.h"

#include "shared/cuda_context.h"

#include <gst/video/video.h>

namespace cuframes::gst {
namespace {

constexpr const char* host_frames = GST_VIDEO_CAPS_MAKE(GST_VIDEO_FORMATS_ALL);
constexpr const char* usual_frames = GST_VIDEO_CAPS_MAKE("{ NV12, I420 }");
constexpr const char* cuda_frames =
    GST_VIDEO_CAPS_MAKE_WITH_FEATURES(CUFRAMES_GST_CUDA_MEMORY_FEATURE, GST_VIDEO_FORMATS_ALL);

// One field of a frame in each buffer.
#define FIELDS_CAPS(features)                                                                                          \
    GST_VIDEO_CAPS_MAKE_WITH_FEATURES(features, GST_VIDEO_FORMATS_ALL) ", interlace-mode = (string) alternate"
constexpr const char* host_fields = FIELDS_CAPS(GST_CAPS_FEATURE_FORMAT_INTERLACED);
constexpr const char* cuda_fields =
    FIELDS_CAPS(CUFRAMES_GST_CUDA_MEMORY_FEATURE ", " GST_CAPS_FEATURE_FORMAT_INTERLACED);

} // namespace

GstCaps* template_caps(bool usual_first) {
    GstCaps* caps = gst_caps_new_empty();
    if (built_with_cuda()) {
        gst_caps_append(caps, gst_caps_from_string(cuda_frames));
    }
    if (usual_first) {
        gst_caps_append(caps, gst_caps_from_string(usual_frames));
    }
    gst_caps_append(caps, gst_caps_from_string(host_frames));
    if (built_with_cuda()) {
        gst_caps_append(caps, gst_caps_from_string(cuda_fields));
    }
    gst_caps_append(caps, gst_caps_from_string(host_fields));
    return caps;
}

} // namespace cuframes::gst
