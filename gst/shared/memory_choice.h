// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/enum_type.h"

/// GstCuframesMemory:
/// @GST_CUFRAMES_MEMORY_AUTO: the sink keeps frames where they come from, the source leaves them where the ring is
/// @GST_CUFRAMES_MEMORY_CUDA: GPU memory
/// @GST_CUFRAMES_MEMORY_SYSTEM: host memory
enum GstCuframesMemory {
    GST_CUFRAMES_MEMORY_AUTO,
    GST_CUFRAMES_MEMORY_CUDA,
    GST_CUFRAMES_MEMORY_SYSTEM,
};

template <>
struct cuframes::gst::EnumWords<GstCuframesMemory> {
    static constexpr const char* name = "GstCuframesMemory";
    static constexpr GEnumValue values[] = {
        {GST_CUFRAMES_MEMORY_AUTO, "Where the frames are already", "auto"},
        {GST_CUFRAMES_MEMORY_CUDA, "GPU memory", "cuda"},
        {GST_CUFRAMES_MEMORY_SYSTEM, "Host memory", "system"},
        {0, nullptr, nullptr},
    };
};
