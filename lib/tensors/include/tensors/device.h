// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <dlpack/dlpack.h>

namespace cuframes::tensors {

/// Memory of a GPU, or managed by its driver.
inline bool is_on_gpu(const DLDevice& device) {
    return device.device_type == kDLCUDA || device.device_type == kDLCUDAManaged;
}

/// Memory of the host, pinned or not.
inline bool is_on_host(const DLDevice& device) {
    return device.device_type == kDLCPU || device.device_type == kDLCUDAHost;
}

} // namespace cuframes::tensors
