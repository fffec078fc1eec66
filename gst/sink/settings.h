// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/memory_choice.h"

#include <cuframes/cuframes.h>

#include <string>

/// GstCuframesPolicy:
/// @CUFRAMES_POLICY_DROP: never wait for readers
/// @CUFRAMES_POLICY_WAIT: wait for strict readers, for a limited time
template <>
struct cuframes::gst::EnumWords<cuframes_policy> {
    static constexpr const char* name = "GstCuframesPolicy";
    static constexpr GEnumValue values[] = {
        {CUFRAMES_POLICY_DROP, "Never wait: a strict reader that lags by the whole ring loses frames, and is told",
         "drop"},
        {CUFRAMES_POLICY_WAIT, "Wait up to wait-timeout for strict readers, then go on without the slow one", "wait"},
        {0, nullptr, nullptr},
    };
};

/// GstCuframesContent:
/// @CUFRAMES_CONTENT_UNDECIDED: what the first caps are
/// @CUFRAMES_CONTENT_FRAMES: raw video, in place
/// @CUFRAMES_CONTENT_PACKETS: anything else, with the past
template <>
struct cuframes::gst::EnumWords<cuframes_content> {
    static constexpr const char* name = "GstCuframesContent";
    static constexpr GEnumValue values[] = {
        {CUFRAMES_CONTENT_UNDECIDED, "What the first caps are; readers wait for them", "auto"},
        {CUFRAMES_CONTENT_FRAMES, "Raw video, and nothing else is taken", "frames"},
        {CUFRAMES_CONTENT_PACKETS, "Anything but raw video", "packets"},
        {0, nullptr, nullptr},
    };
};

namespace cuframes::gst {

/// The settings of cuframessink, with their defaults. What the library takes as it is stands in its own struct, so that
/// another such property is a row in properties.cpp and no more; below is what has another form here, texts as they have to
/// be kept, and what only the element knows.
struct SinkSettings : cuframes_publisher_options {
    SinkSettings();

    /// For the library; refers to the texts of these settings.
    cuframes_publisher_options options() const;

    /// Those that were changed and are about frames only, or about packets only: "slots=16, memory=cuda".
    std::string changed_for_frames() const;
    std::string changed_for_packets() const;

    std::string key;
    std::string directory;
    std::string access = "user";
    guint wait_for_subscribers = 0;
    GstCuframesMemory memory = GST_CUFRAMES_MEMORY_AUTO;
    gint cuda_device = -1;
    guint max_time_ms = CUFRAMES_DEFAULT_MAX_TIME / GST_MSECOND;
};

} // namespace cuframes::gst
