// SPDX-License-Identifier: LGPL-2.1-or-later
/// What inputs about frames begin with.
#pragma once

#include "cuframes/cuframes.h"

#include <cstring>

namespace cuframes::fuzz {

inline cuframes_geometry one_plane(uint32_t width, uint32_t height) {
    cuframes_geometry out;
    CUFRAMES_INIT(out);
    out.width = width;
    out.height = height;
    std::strcpy(out.format, "GRAY8");
    out.plane_count = 1;
    out.planes[0] = {0, width, width, height, 0};
    out.frame_size = uint64_t{width} * height;
    return out;
}

/// What is refused is logged, thousands of times.
inline void log_nothing() {
    cuframes_set_log_func([](cuframes_log_level, const char*, void*) {}, nullptr, CUFRAMES_LOG_DEBUG);
}

} // namespace cuframes::fuzz
