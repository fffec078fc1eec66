// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace cuframes::tools::doctor {

/// What the CUDA driver says of itself, if there is one.
struct GpuDriver {
    struct Gpu {
        std::string name;
        std::string uuid; ///< "GPU-1f3c09aa-…"
        size_t memory;
    };

    static GpuDriver load();

    bool loaded = false;
    std::string error;               ///< Why not.
    int version = 0;                 ///< 12050 is CUDA 12.5.
    bool waits_for_contexts = false; ///< It has what CUFRAMES_RELEASE_CONTEXT needs.
    std::vector<Gpu> gpus;
};

} // namespace cuframes::tools::doctor
