// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/memory_choice.h"

#include <cuframes/cuframes.h>

#include <string>

/// GstCuframesMode:
/// @CUFRAMES_MODE_NEWEST: skip to the newest frame
/// @CUFRAMES_MODE_STRICT: every frame, in order
template <>
struct cuframes::gst::EnumWords<cuframes_mode> {
    static constexpr const char* name = "GstCuframesMode";
    static constexpr GEnumValue values[] = {
        {CUFRAMES_MODE_NEWEST, "Skip to the newest frame; skipped ones are counted", "newest"},
        {CUFRAMES_MODE_STRICT, "Every frame, in order; lost ones are counted", "strict"},
        {0, nullptr, nullptr},
    };
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

template <>
struct cuframes::gst::EnumWords<GstCuframesOnGone> {
    static constexpr const char* name = "GstCuframesOnGone";
    static constexpr GEnumValue values[] = {
        {GST_CUFRAMES_ON_GONE_WAIT, "Wait for the next publisher and go on", "wait"},
        {GST_CUFRAMES_ON_GONE_EOS, "End the stream", "eos"},
        {GST_CUFRAMES_ON_GONE_ERROR, "Post an error", "error"},
        {0, nullptr, nullptr},
    };
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

template <>
struct cuframes::gst::EnumWords<GstCuframesOnEos> {
    static constexpr const char* name = "GstCuframesOnEos";
    static constexpr GEnumValue values[] = {
        {GST_CUFRAMES_ON_EOS_EOS, "End the stream", "eos"},
        {GST_CUFRAMES_ON_EOS_WAIT, "Go on with what follows, from this publisher or the next", "wait"},
        {0, nullptr, nullptr},
    };
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

template <>
struct cuframes::gst::EnumWords<GstCuframesOnExhausted> {
    static constexpr const char* name = "GstCuframesOnExhausted";
    static constexpr GEnumValue values[] = {
        {GST_CUFRAMES_ON_EXHAUSTED_COPY, "Copy the frame, so that the pipeline goes on", "copy"},
        {GST_CUFRAMES_ON_EXHAUSTED_WAIT, "Wait until a frame is given back", "wait"},
        {0, nullptr, nullptr},
    };
};

/// GstCuframesStart:
/// @CUFRAMES_START_LIVE: the next keyframe that comes
/// @CUFRAMES_START_KEYFRAME: the newest keyframe that there is
/// @CUFRAMES_START_PREROLL: the newest keyframe at or before so long ago
/// @CUFRAMES_START_TIME: the newest keyframe at or before a time of capture
///
/// Since: 0.1
template <>
struct cuframes::gst::EnumWords<cuframes_start> {
    static constexpr const char* name = "GstCuframesStart";
    static constexpr GEnumValue values[] = {
        {CUFRAMES_START_LIVE, "The next keyframe that comes", "live"},
        {CUFRAMES_START_KEYFRAME, "The newest keyframe that there is", "keyframe"},
        {CUFRAMES_START_PREROLL, "The newest keyframe at or before `preroll` ago", "preroll"},
        {CUFRAMES_START_TIME, "The newest keyframe at or before `start-time`", "time"},
        {0, nullptr, nullptr},
    };
};

/// GstCuframesJoin:
/// @GST_CUFRAMES_JOIN_AUTO: record where the past was asked for by #GstCuframesSrc:start, preroll or time, else display
/// @GST_CUFRAMES_JOIN_DISPLAY: pictures from now on; what is older is there to decode them
/// @GST_CUFRAMES_JOIN_RECORD: every packet, from running time 0 on
///
/// Since: 0.1
enum GstCuframesJoin {
    GST_CUFRAMES_JOIN_AUTO,
    GST_CUFRAMES_JOIN_DISPLAY,
    GST_CUFRAMES_JOIN_RECORD,
};

template <>
struct cuframes::gst::EnumWords<GstCuframesJoin> {
    static constexpr const char* name = "GstCuframesJoin";
    static constexpr GEnumValue values[] = {
        {GST_CUFRAMES_JOIN_AUTO, "record with start=preroll and start=time, else display", "auto"},
        {GST_CUFRAMES_JOIN_DISPLAY, "Pictures from now on; what is older is there to decode them", "display"},
        {GST_CUFRAMES_JOIN_RECORD, "Every packet, from running time 0 on", "record"},
        {0, nullptr, nullptr},
    };
};

namespace cuframes::gst {

/// The settings of cuframessrc, with their defaults. What the library takes as it is stands in its own struct, so that
/// another such property is a row in properties.cpp and no more; below is what has another form here, texts as they have to
/// be kept, and what only the element knows.
struct SrcSettings : cuframes_subscriber_options {
    SrcSettings();

    /// For the library; they refer to the texts of these settings.
    cuframes_subscriber_options frame_options() const;
    cuframes_subscriber_options packet_options() const;

    std::string key;
    std::string directory;
    std::string name_tag;
    GstCuframesMemory memory = GST_CUFRAMES_MEMORY_AUTO;
    gint cuda_device = -1;
    GstCuframesOnGone on_gone = GST_CUFRAMES_ON_GONE_WAIT;
    GstCuframesOnEos on_eos = GST_CUFRAMES_ON_EOS_EOS;
    GstCuframesOnExhausted on_exhausted = GST_CUFRAMES_ON_EXHAUSTED_COPY;
    guint preroll_ms = 0;
    guint64 start_time_ns = 0;
    GstCuframesJoin join = GST_CUFRAMES_JOIN_AUTO;
    /// Whether the past is there to be had, and not to decode from.
    bool records() const {
        const bool asks_for_past = start == CUFRAMES_START_PREROLL || start == CUFRAMES_START_TIME;
        return join == GST_CUFRAMES_JOIN_RECORD || (join == GST_CUFRAMES_JOIN_AUTO && asks_for_past);
    }
};

} // namespace cuframes::gst
