// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/cuda/driver.h"
#include "base/planes.h"

namespace cuframes::core::cuda {

/// Queues a copy of all planes of `geometry` on the stream, in the current context. The types are HOST or DEVICE.
CUresult copy_planes(const Driver& driver, std::span<const PlaneRef> to, CUmemorytype to_type,
                     std::span<const PlaneRef> from, CUmemorytype from_type, const cuframes_geometry& geometry,
                     CUstream stream);

} // namespace cuframes::core::cuda
