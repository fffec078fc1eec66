// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "driver_api.h"

namespace fake_cuda {

bool is_device(CUdevice device);

// Peer access as FAKE_CUDA_PEER says; a device always reaches itself.
bool can_access(CUdevice from, CUdevice to);

CUuuid device_uuid(CUdevice device);

// The device with that UUID, -1 if this process has none.
CUdevice device_by_uuid(const CUuuid& uuid);

constexpr size_t device_memory = size_t{16} << 30;

} // namespace fake_cuda
