// SPDX-License-Identifier: LGPL-2.1-or-later
/// Takes the place of the cuda_*.cpp files in a build without the CUDA headers.
#include "memory/copy.h"
#include "memory/frame_store.h"

namespace cuframes::core {

namespace {

Error built_without() {
    return {CUFRAMES_ERROR_NO_DRIVER,
            "this build of cuframes has no CUDA support; build it where cuda.h is found, or use host memory "
            "(memory=system)"};
}

} // namespace

Result<> copy_from_gpu(const Planes&, const cuframes_geometry&, const cuframes_image&) { return built_without(); }

Result<std::unique_ptr<FrameStore>> create_cuda_store(uint64_t, uint32_t, uint32_t, int32_t, void*) {
    return built_without();
}

Result<std::unique_ptr<FrameAccess>> open_cuda_frames(const UniqueFd&, const RingDescription&, std::byte*, int32_t,
                                                      void*, ReleaseScope) {
    return built_without();
}

Result<> test_gpu_sharing(int32_t) { return built_without(); }

} // namespace cuframes::core
