// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/device_memory.h"

namespace cuframes::tensors {
namespace {

Error no_cuda() {
    return {CUFRAMES_ERROR_NO_DRIVER, "this build of cuframes has no CUDA support; build it with cuda.h at hand"};
}

} // namespace

Result<StreamRef> resolve_stream(int32_t, int64_t) noexcept { return no_cuda(); }

Result<> check_runs(const StreamRef&) noexcept { return no_cuda(); }

Result<DeviceBlock> DeviceBlock::allocate(int32_t, uint64_t, const StreamRef&) { return no_cuda(); }
DeviceBlock::DeviceBlock(DeviceBlock&&) noexcept {}
DeviceBlock& DeviceBlock::operator=(DeviceBlock&&) noexcept { return *this; }
DeviceBlock::~DeviceBlock() = default;
Result<> DeviceBlock::made_on(const StreamRef&) { return no_cuda(); }
Result<> DeviceBlock::order(const StreamRef&) const { return no_cuda(); }

Result<> copy_with_gpu(const CopySide&, const CopySide&, const cuframes_geometry&, const StreamRef&) noexcept {
    return no_cuda();
}

} // namespace cuframes::tensors
