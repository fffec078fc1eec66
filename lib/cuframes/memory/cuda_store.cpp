// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * The publisher's end of a ring in GPU memory: VMM allocations, each exported once.
 */
#include <algorithm>

#include "memory/cuda_copy.h"
#include "memory/cuda_vmm.h"
#include "memory/frame_store.h"

namespace cuframes {

namespace {

using cuda::Current;

class CudaStore final : public FrameStore {
public:
    CudaStore(cuda::Context context, cuda::VmmRange memory, const ChunkLayout& layout, cuda::Uuid uuid)
        : context_(std::move(context)), memory_(std::move(memory)), layout_(layout), uuid_(uuid) {}

    const ChunkLayout& layout() const override { return layout_; }
    std::byte* base() const override { return reinterpret_cast<std::byte*>(memory_.address()); }
    uint64_t size() const override { return memory_.size(); }
    uint64_t committed() const override { return chunk_count_ * layout_.chunk_stride; }
    std::array<uint8_t, 16> gpu_uuid() const override { return uuid_; }

    Result<> grow(uint32_t slots) override {
        while (chunks() * layout_.chunk_slots < std::min(slots, layout_.slots)) {
            if (memory_.mapped() == chunks()) {
                if (auto made = memory_.allocate(); !made) {
                    return made;
                }
            }
            auto fd = memory_.export_fd(chunks());
            if (!fd) {
                return fd.error();
            }
            fds_.push_back(std::move(*fd));
            chunk_count_ = static_cast<uint32_t>(fds_.size());
        }
        return {};
    }
    uint32_t chunks() const override { return chunk_count_; }
    int chunk_fd(uint32_t chunk) const override { return fds_[chunk].get(); }

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
    cuda::VmmRange memory_;
    std::vector<UniqueFd> fds_; ///< Of each chunk.
    std::atomic<uint32_t> chunk_count_ = 0;
    ChunkLayout layout_;
    cuda::Uuid uuid_;
};

} // namespace

Result<std::unique_ptr<FrameStore>> create_cuda_store(uint64_t slot_stride, uint32_t slots, uint32_t chunk_slots,
                                                      int32_t device, void* context) {
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
    auto unit = cuda::VmmRange::granularity(*opened);
    if (!unit) {
        return unit.error();
    }
    const uint64_t chunk_stride = (slot_stride * chunk_slots + *unit - 1) / *unit * *unit;
    const ChunkLayout layout{slot_stride, chunk_stride, slots, chunk_slots};
    auto memory = cuda::VmmRange::reserve(*opened, chunk_stride, (slots + chunk_slots - 1) / chunk_slots);
    if (!memory) {
        return memory.error();
    }
    return std::unique_ptr<FrameStore>(
        std::make_unique<CudaStore>(std::move(*opened), std::move(*memory), layout, *uuid));
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
