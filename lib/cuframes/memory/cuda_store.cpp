// SPDX-License-Identifier: LGPL-2.1-or-later
/// The publisher's end of a ring in GPU memory: VMM allocations, each exported once.
#include "base/cuda/streams.h"
#include "memory/cuda_copy.h"
#include "memory/cuda_fences.h"
#include "memory/cuda_vmm.h"
#include "memory/frame_store.h"

#include <algorithm>

namespace cuframes::core {

namespace {

using cuda::Current;

class CudaStore final : public FrameStore {
public:
    CudaStore(cuda::Context context, cuda::VmmRange memory, const ChunkLayout& layout, cuda::Uuid uuid)
        : context_(std::move(context)),
          memory_(std::move(memory)),
          layout_(layout),
          uuid_(uuid),
          fences_(std::make_unique<cuda::SlotFences>(context_)) {}

    ~CudaStore() override {
        if (fences_->any()) {
            cuda::SlotFences::unmap_behind(std::move(fences_), std::move(memory_));
        }
    }

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
        return cuda::copy_now(context_.driver(), planes_at(g, slot), CU_MEMORYTYPE_DEVICE, planes_of(image),
                              cuda::memory_type(image), g, static_cast<CUstream>(image.cuda_stream.stream),
                              context_of(image.cuda_stream.context));
    }

    Result<StreamRef> identify(const StreamRef& stream) const override {
        auto own = cuda::context_of_stream(context_.driver(), static_cast<CUstream>(stream.stream),
                                           context_of(stream.context));
        return own ? Result<StreamRef>(StreamRef{stream.stream, *own}) : own.error();
    }

    Result<> complete(const StreamRef& stream) override {
        const auto& driver = context_.driver();
        Current current(driver, context_of(stream.context));
        auto* queue = static_cast<CUstream>(stream.stream);
        CUresult result = cuda::check_not_capturing(driver, queue);
        if (result == CUDA_SUCCESS) {
            result = driver.cuStreamSynchronize(queue);
        }
        if (result != CUDA_SUCCESS) {
            return cuda::refused_on_stream("waiting for a frame to be complete", result);
        }
        return {};
    }

    void make_busy(uint32_t slot, const std::vector<StreamRef>& streams) noexcept override {
        fences_->add(slot, streams);
    }
    bool is_busy(uint32_t slot) noexcept override { return fences_->stands_before(slot); }

private:
    CUcontext context_of(void* given) const { return given ? static_cast<CUcontext>(given) : context_.get(); }

    cuda::Context context_;
    cuda::VmmRange memory_;
    std::vector<UniqueFd> fds_; ///< Of each chunk.
    std::atomic<uint32_t> chunk_count_ = 0;
    ChunkLayout layout_;
    cuda::Uuid uuid_;
    std::unique_ptr<cuda::SlotFences> fences_;
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

} // namespace cuframes::core
