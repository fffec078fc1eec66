// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/enums.h"

#include <initializer_list>

GType gst_cuframes_memory_get_type() {
    static const GEnumValue values[] = {
        {GST_CUFRAMES_MEMORY_AUTO, "Where the frames are already", "auto"},
        {GST_CUFRAMES_MEMORY_CUDA, "GPU memory", "cuda"},
        {GST_CUFRAMES_MEMORY_SYSTEM, "Host memory", "system"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstCuframesMemory", values);
    return type;
}

GType gst_cuframes_policy_get_type() {
    static const GEnumValue values[] = {
        {GST_CUFRAMES_POLICY_DROP, "Never wait: a strict reader that lags by the whole ring loses frames, and is told",
         "drop"},
        {GST_CUFRAMES_POLICY_WAIT, "Wait up to wait-timeout for strict readers, then go on without the slow one",
         "wait"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstCuframesPolicy", values);
    return type;
}

GType gst_cuframes_mode_get_type() {
    static const GEnumValue values[] = {
        {GST_CUFRAMES_MODE_NEWEST, "Skip to the newest frame; skipped ones are counted", "newest"},
        {GST_CUFRAMES_MODE_STRICT, "Every frame, in order; lost ones are counted", "strict"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstCuframesMode", values);
    return type;
}

GType gst_cuframes_on_gone_get_type() {
    static const GEnumValue values[] = {
        {GST_CUFRAMES_ON_GONE_WAIT, "Wait for the next publisher and go on", "wait"},
        {GST_CUFRAMES_ON_GONE_EOS, "End the stream", "eos"},
        {GST_CUFRAMES_ON_GONE_ERROR, "Post an error", "error"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstCuframesOnGone", values);
    return type;
}

GType gst_cuframes_on_eos_get_type() {
    static const GEnumValue values[] = {
        {GST_CUFRAMES_ON_EOS_EOS, "End the stream", "eos"},
        {GST_CUFRAMES_ON_EOS_WAIT, "Go on with what follows, from this publisher or the next", "wait"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstCuframesOnEos", values);
    return type;
}

GType gst_cuframes_on_exhausted_get_type() {
    static const GEnumValue values[] = {
        {GST_CUFRAMES_ON_EXHAUSTED_COPY, "Copy the frame, so that the pipeline goes on", "copy"},
        {GST_CUFRAMES_ON_EXHAUSTED_WAIT, "Wait until a frame is given back", "wait"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("GstCuframesOnExhausted", values);
    return type;
}

void gst_cuframes_enums_mark_plugin_api() {
    for (const GType type : {GST_TYPE_CUFRAMES_MEMORY, GST_TYPE_CUFRAMES_POLICY, GST_TYPE_CUFRAMES_MODE,
                             GST_TYPE_CUFRAMES_ON_GONE, GST_TYPE_CUFRAMES_ON_EOS, GST_TYPE_CUFRAMES_ON_EXHAUSTED}) {
        gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
    }
}
