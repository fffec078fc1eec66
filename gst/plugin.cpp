// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config.h"
#include "device/device_provider.h"
#include "shared/metadata.h"
#include "sink/cuframessink.h"
#include "src/cuframessrc.h"

#include <cuframes/cuframes.h>
#include <gst/video/video.h>

GST_DEBUG_CATEGORY_STATIC(cuframes_library_debug);

/// The library's log joins GStreamer's, where GST_DEBUG and the application's log functions apply to it. Where nobody has
/// chosen a level, warnings still go to stderr.
static bool log_from_library(cuframes_log_level level, const char* message, void*) {
    static const GstDebugLevel levels[] = {GST_LEVEL_NONE, GST_LEVEL_ERROR, GST_LEVEL_WARNING, GST_LEVEL_INFO,
                                           GST_LEVEL_DEBUG};
    gst_debug_log(cuframes_library_debug, levels[level], "libcuframes", "", 0, nullptr, "%s", message);
    return gst_debug_is_active() && gst_debug_category_get_threshold(cuframes_library_debug) != GST_LEVEL_NONE;
}

static gboolean plugin_init(GstPlugin* plugin) {
    GST_DEBUG_CATEGORY_INIT(cuframes_library_debug, "cuframes", 0, "libcuframes");
    cuframes_add_log_listener(log_from_library, nullptr);
    // Caps travel as text, and a reader can only parse value types that it knows: decoders put this one into theirs.
    g_type_ensure(GST_TYPE_VIDEO_MULTIVIEW_FLAGSET);
    cuframes::gst::register_known_metas();
    return GST_ELEMENT_REGISTER(cuframessink, plugin) && GST_ELEMENT_REGISTER(cuframessrc, plugin) &&
           GST_DEVICE_PROVIDER_REGISTER(cuframesdeviceprovider, plugin);
}

#define PACKAGE PACKAGE_NAME
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, cuframes, "Live video frames shared between processes",
                  plugin_init, PACKAGE_VERSION, "LGPL", PACKAGE_NAME, PACKAGE_ORIGIN)
