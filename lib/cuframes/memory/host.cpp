// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Frames in host memory: one sealed memfd.
 */
#include <cstring>

#include "ipc/shared_memory.h"
#include "memory/copy.h"
#include "memory/frame_store.h"
#include "ring/lease.h"

namespace cuframes {

namespace {

constexpr uint32_t fewest_slots = 3; ///< The API takes no fewer: nobody is told to ask for less.

class HostStore final : public FrameStore {
public:
    explicit HostStore(SharedMemory memory) : memory_(std::move(memory)) {}

    std::byte* base() const override { return memory_.mapping.data(); }
    int fd() const override { return memory_.fd.get(); }
    uint64_t size() const override { return memory_.mapping.size(); }
    std::array<uint8_t, 16> gpu_uuid() const override { return {}; }

    Result<> write(std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) override {
        if (image.memory == CUFRAMES_MEMORY_CUDA) {
            return copy_from_gpu(host_planes(g, slot), g, image);
        }
        copy_rows(host_planes(g, slot), planes_of(image), g);
        return {};
    }

    /** The CPU wrote the pixels, in program order before the caller's next store. */
    Result<> complete(const StreamRef&) override { return {}; }

private:
    SharedMemory memory_;
};

class HostAccess final : public FrameAccess {
public:
    explicit HostAccess(Mapping mapping) : mapping_(std::move(mapping)) {}

    const std::byte* base() const override { return mapping_.data(); }
    int32_t device() const override { return -1; }

    Result<> read(const std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) const override {
        if (image.memory != CUFRAMES_MEMORY_HOST) {
            return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                         "this frame lies in host memory; read it to host memory, or upload it"};
        }
        copy_rows(planes_of(image), host_planes(g, const_cast<std::byte*>(slot)), g);
        return {};
    }

    void release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>&) override { ring::end_lease(lease); }
    bool when_released(std::shared_ptr<const Waker>) override { return false; }
    bool has_releases_under_way() override { return false; }
    void add_context(void*) override {}

private:
    Mapping mapping_;
};

} // namespace

Result<std::unique_ptr<FrameStore>> create_host_store(uint64_t slot_stride, uint32_t slots, uint32_t committed_slots) {
    auto memory = create_shared_memory("cuframes-frames", slot_stride * slots, slot_stride * committed_slots,
                                       Writers::only_present_mappings);
    if (!memory) {
        Error error = memory.error();
        if (error.code == CUFRAMES_ERROR_NO_MEMORY) {
            error.message +=
                committed_slots > fewest_slots ? "; use fewer slots or smaller pictures" : "; use smaller pictures";
        }
        return error;
    }
    return std::unique_ptr<FrameStore>(std::make_unique<HostStore>(std::move(*memory)));
}

Result<std::unique_ptr<FrameAccess>> open_host_frames(const UniqueFd& fd, const RingDescription& ring) {
    auto mapping = map_shared_memory(fd, ring.frames_size, cuframes::Access::read_only);
    if (!mapping) {
        return mapping.error();
    }
    return std::unique_ptr<FrameAccess>(std::make_unique<HostAccess>(std::move(*mapping)));
}

} // namespace cuframes
