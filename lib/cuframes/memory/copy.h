// SPDX-License-Identifier: LGPL-2.1-or-later
/// Images of callers: their planes, and whether they fit a frame.
#pragma once

#include "base/planes.h"
#include "base/result.h"
#include "cuframes/cuframes.h"

namespace cuframes::core {

inline Planes planes_of(const cuframes_image& image) {
    Planes out;
    for (uint32_t i = 0; i < image.plane_count && i < out.size(); ++i) {
        out[i] = {image.planes[i], image.pitch[i]};
    }
    return out;
}

/// Whether the image has the planes that `g` needs, and room for all of their bytes.
inline Result<> check_image(const cuframes_image& image, const cuframes_geometry& g) {
    if (image.plane_count != g.plane_count ||
        (image.memory != CUFRAMES_MEMORY_HOST && image.memory != CUFRAMES_MEMORY_CUDA)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("the image has ", image.plane_count, " planes of memory kind ",
                          static_cast<int>(image.memory), "; the ring's frames have ", g.plane_count)};
    }
    for (uint32_t i = 0; i < g.plane_count; ++i) {
        if (!image.planes[i] || image.pitch[i] < g.planes[i].row_bytes) {
            return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("plane ", i, " of the image has pitch ", image.pitch[i],
                                                               "; its rows have ", g.planes[i].row_bytes, " bytes")};
        }
        if (image.rows[i] != 0 && image.rows[i] < g.planes[i].rows) {
            return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("plane ", i, " of the image has ", image.rows[i],
                                                               " rows; the ring's frames have ", g.planes[i].rows)};
        }
    }
    return {};
}

/// Downloads an image from GPU memory; complete on return.
Result<> copy_from_gpu(const Planes& to, const cuframes_geometry& g, const cuframes_image& image);

} // namespace cuframes::core
