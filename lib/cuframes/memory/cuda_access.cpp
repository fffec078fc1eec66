// SPDX-License-Identifier: LGPL-2.1-or-later
/// The subscriber's end of a ring in GPU memory: imported once, mapped read-only.
#include "base/cuda/streams.h"
#include "memory/cuda_copy.h"
#include "memory/cuda_release.h"
#include "memory/cuda_vmm.h"
#include "memory/frame_store.h"

namespace cuframes::core {

namespace {

using cuda::Current;

class CudaAccess final : public FrameAccess {
public:
    CudaAccess(cuda::Context context, cuda::VmmRange memory, uint32_t chunk_slots)
        : context_(std::move(context)), memory_(std::move(memory)), chunk_slots_(chunk_slots) {}

    ~CudaAccess() override {
        if (releases_ && !releases_->finish()) {
            memory_.abandon(); // Work that nobody can wait for may still read it.
        }
    }

    Result<> start(std::byte* lease_page, ReleaseScope scope) {
        auto queue = cuda::ReleaseQueue::create(context_, lease_page, scope);
        if (!queue) {
            return queue.error();
        }
        releases_ = std::move(*queue);
        return {};
    }

    const std::byte* base() const override { return reinterpret_cast<const std::byte*>(memory_.address()); }
    uint32_t mapped_slots() const override { return memory_.mapped() * chunk_slots_; }
    int32_t device() const override { return context_.device(); }

    Result<> add_chunk(const UniqueFd& fd) override {
        auto mapped = memory_.import(fd.get());
        if (!mapped) {
            return Error{CUFRAMES_ERROR_NO_GPU_SHARING,
                         text("cannot map the ring's GPU memory: ", mapped.error().message,
                              "; read it in host memory where the publisher runs (memory=system)")};
        }
        return {};
    }

    Result<> read(const std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) const override {
        auto* said = image.cuda_stream.context ? static_cast<CUcontext>(image.cuda_stream.context) : context_.get();
        return cuda::copy_now(context_.driver(), planes_of(image), cuda::memory_type(image),
                              planes_at(g, const_cast<std::byte*>(slot)), CU_MEMORYTYPE_DEVICE, g,
                              static_cast<CUstream>(image.cuda_stream.stream), said);
    }

    Result<std::optional<StreamRef>> identify(const StreamRef& stream) const override {
        auto* said = stream.context ? static_cast<CUcontext>(stream.context) : context_.get();
        auto own = cuda::context_of_stream(context_.driver(), static_cast<CUstream>(stream.stream), said);
        if (!own) {
            return own.error();
        }
        return std::optional(StreamRef{stream.stream, *own});
    }

    void release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams) override {
        releases_->release(lease, streams);
    }
    Result<bool> when_released(std::shared_ptr<const Waker> wake) override {
        return releases_->when_done(std::move(wake));
    }
    bool has_releases_under_way() override { return !releases_->idle(); }
    void add_context(void* context) override { releases_->add_context(static_cast<CUcontext>(context)); }

private:
    // Destroyed in reverse: releases finish before the memory goes, and both before the context.
    cuda::Context context_;
    cuda::VmmRange memory_;
    uint32_t chunk_slots_;
    std::unique_ptr<cuda::ReleaseQueue> releases_;
};

Result<> check_reach(const cuda::Driver& driver, const RingDescription& ring, int32_t device) {
    auto owner = cuda::find_device(driver, ring.gpu_uuid);
    if (!owner || *owner == device) {
        return {}; // Not visible here: mapping it will tell.
    }
    int can = 0;
    CUdevice here = 0;
    CUdevice there = 0;
    if (driver.cuDeviceGet(&here, device) == CUDA_SUCCESS && driver.cuDeviceGet(&there, *owner) == CUDA_SUCCESS) {
        driver.cuDeviceCanAccessPeer(&can, here, there);
    }
    if (can) {
        return {};
    }
    return Error{CUFRAMES_ERROR_DEVICE_MISMATCH,
                 text("GPU ", device, " cannot read the ring on GPU ", *owner, " (", cuda::uuid_text(ring.gpu_uuid),
                      "): no peer access between them; read on GPU ", *owner, " (cuda-device-id=", *owner,
                      "), or in host memory (memory=system)")};
}

} // namespace

Result<std::unique_ptr<FrameAccess>> open_cuda_frames(const UniqueFd& fd, const RingDescription& ring,
                                                      std::byte* lease_page, int32_t device, void* context,
                                                      ReleaseScope scope) {
    auto driver = cuda::driver();
    if (!driver) {
        return driver.error();
    }
    if (device < 0 && !context) {
        auto own = cuda::find_device(**driver, ring.gpu_uuid);
        if (!own) {
            return own.error();
        }
        device = *own;
    }
    auto opened = cuda::Context::open(**driver, device, context);
    if (!opened) {
        return opened.error();
    }
    if (auto reach = check_reach(**driver, ring, opened->device()); !reach) {
        return reach.error();
    }
    auto memory = cuda::VmmRange::reserve(*opened, ring.chunk_stride, ring.chunk_count());
    if (!memory) {
        return memory.error();
    }
    auto access = std::make_unique<CudaAccess>(std::move(*opened), std::move(*memory), ring.chunk_slots);
    if (auto mapped = access->add_chunk(fd); !mapped) {
        return mapped.error();
    }
    if (auto started = access->start(lease_page, scope); !started) {
        return started.error();
    }
    return std::unique_ptr<FrameAccess>(std::move(access));
}

} // namespace cuframes::core
