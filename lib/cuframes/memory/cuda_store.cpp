// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * The publisher's end of a ring in GPU memory: one VMM allocation for all slots, exported once.
 */
#include "memory/cuda_copy.h"
#include "memory/cuda_vmm.h"
#include "memory/frame_store.h"

namespace cuframes {

namespace {

using cuda::Current;

class CudaStore final : public FrameStore {
public:
    CudaStore(cuda::Context context, cuda::VmmMapping memory, UniqueFd fd, cuda::Uuid uuid)
        : context_(std::move(context)), memory_(std::move(memory)), fd_(std::move(fd)), uuid_(uuid) {}

    std::byte* base() const override { return reinterpret_cast<std::byte*>(memory_.address()); }
    int fd() const override { return fd_.get(); }
    uint64_t size() const override { return memory_.size(); }
    std::array<uint8_t, 16> gpu_uuid() const override { return uuid_; }

    Result<> write(std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) override {
        const auto& driver = context_.driver();
        Current current(driver, context_of(image.cuda_context));
        auto* stream = static_cast<CUstream>(image.cuda_stream);
        CUresult result = cuda::copy_planes(driver, host_planes(g, slot), CU_MEMORYTYPE_DEVICE, planes_of(image),
                                            cuda::memory_type(image), g, stream);
        if (result == CUDA_SUCCESS && image.memory == CUFRAMES_MEMORY_HOST) {
            // The caller may reuse its pixels when this returns.
            result = driver.cuStreamSynchronize(stream);
        }
        if (result != CUDA_SUCCESS) {
            return cuda::driver_error("cuMemcpy2DAsync", result);
        }
        return {};
    }

    Result<> complete(const StreamRef& stream) override {
        const auto& driver = context_.driver();
        Current current(driver, context_of(stream.context));
        const CUresult result = driver.cuStreamSynchronize(static_cast<CUstream>(stream.stream));
        if (result != CUDA_SUCCESS) {
            return cuda::driver_error("cuStreamSynchronize", result);
        }
        return {};
    }

private:
    CUcontext context_of(void* given) const { return given ? static_cast<CUcontext>(given) : context_.get(); }

    cuda::Context context_;
    cuda::VmmMapping memory_;
    UniqueFd fd_;
    cuda::Uuid uuid_;
};

} // namespace

Result<std::unique_ptr<FrameStore>> create_cuda_store(uint64_t slot_stride, uint32_t slots, int32_t device,
                                                      void* context) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    auto opened = cuda::Context::open(**driver, device < 0 ? 0 : device, context);
    if (!opened) {
        return opened.error();
    }
    if (auto works = cuda::self_test(*opened); !works) {
        return works.error();
    }
    auto uuid = cuda::device_uuid(**driver, opened->device());
    if (!uuid) {
        return uuid.error();
    }
    auto memory = cuda::VmmMapping::allocate(*opened, slot_stride * slots);
    if (!memory) {
        return memory.error();
    }
    auto fd = memory->export_fd();
    if (!fd) {
        return fd.error();
    }
    return std::unique_ptr<FrameStore>(
        std::make_unique<CudaStore>(std::move(*opened), std::move(*memory), std::move(*fd), *uuid));
}

Result<> test_gpu_sharing(int32_t device) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    auto context = cuda::Context::open(**driver, device, nullptr);
    if (!context) {
        return context.error();
    }
    return cuda::self_test(*context);
}

} // namespace cuframes
