// SPDX-License-Identifier: LGPL-2.1-or-later
/// Frames in host memory: one sealed memfd, as large as the ring may become and as full as it is.
#include "ipc/seqpacket.h"
#include "ipc/shared_memory.h"
#include "memory/copy.h"
#include "memory/frame_store.h"
#include "ring/lease.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace cuframes::core {

namespace {

constexpr const char* frames_name = "cuframes-frames";
constexpr uint32_t fewest_slots = 3; ///< The API takes no fewer: nobody is told to ask for less.

class HostStore final : public FrameStore {
public:
    HostStore(SharedMemory memory, UniqueFd for_readers, const ChunkLayout& layout)
        : memory_(std::move(memory)), for_readers_(std::move(for_readers)), layout_(layout) {}

    const ChunkLayout& layout() const override { return layout_; }
    std::byte* base() const override { return memory_.mapping.data(); }
    uint64_t size() const override { return memory_.mapping.size(); }
    uint64_t committed() const override { return committed_; }
    std::array<uint8_t, 16> gpu_uuid() const override { return {}; }

    Result<> grow(uint32_t slots) override {
        const uint64_t wanted = std::min(slots, layout_.slots) * layout_.slot_stride;
        if (wanted <= committed_) {
            return {};
        }
        if (auto done = commit(memory_.fd.get(), committed_, wanted - committed_, frames_name); !done) {
            Error error = done.error();
            if (error.code == CUFRAMES_ERROR_NO_MEMORY) {
                error.message +=
                    slots > fewest_slots ? "; use fewer slots or smaller pictures" : "; use smaller pictures";
            }
            return error;
        }
        committed_ = wanted;
        return {};
    }
    uint32_t chunks() const override { return 1; }
    int chunk_fd(uint32_t) const override { return for_readers_ ? for_readers_.get() : memory_.fd.get(); }

    Result<> write(std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) override {
        if (image.memory == CUFRAMES_MEMORY_CUDA) {
            return copy_from_gpu(planes_at(g, slot), g, image);
        }
        copy_planes(planes_at(g, slot), planes_of(image), g);
        return {};
    }

    /// The CPU wrote the pixels, in program order before the caller's next store.
    Result<> complete(const StreamRef&) override { return {}; }

private:
    SharedMemory memory_;
    UniqueFd for_readers_; ///< Empty: there is no /proc, and they get ours.
    ChunkLayout layout_;
    std::atomic<uint64_t> committed_ = 0;
};

class HostAccess final : public FrameAccess {
public:
    HostAccess(UniqueFd fd, Mapping mapping, uint32_t slots)
        : fd_(std::move(fd)), mapping_(std::move(mapping)), slots_(slots) {}

    const std::byte* base() const override { return mapping_.data(); }
    uint32_t mapped_slots() const override { return slots_; }
    Result<> add_chunk(const UniqueFd&) override {
        return Error{CUFRAMES_ERROR_PROTOCOL, "a ring in host memory has one chunk only"};
    }
    int32_t device() const override { return -1; }
    int fd() const override { return fd_.get(); }

    Result<> read(const std::byte* slot, const cuframes_geometry& g, const cuframes_image& image) const override {
        if (image.memory != CUFRAMES_MEMORY_HOST) {
            return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                         "this frame lies in host memory; read it to host memory, or upload it"};
        }
        copy_planes(planes_of(image), planes_at(g, const_cast<std::byte*>(slot)), g);
        return {};
    }

    void release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>&) override { ring::end_lease(lease); }
    Result<bool> when_released(std::shared_ptr<const Waker>) override { return false; }
    bool has_releases_under_way() override { return false; }
    void add_context(void*) override {}

private:
    UniqueFd fd_; ///< For those who pass frames on.
    Mapping mapping_;
    uint32_t slots_;
};

} // namespace

Result<std::unique_ptr<FrameStore>> create_host_store(uint64_t slot_stride, uint32_t slots) {
    const ChunkLayout layout{slot_stride, slot_stride * slots, slots, slots};
    auto memory = create_shared_memory(frames_name, layout.chunk_stride, 0, Writers::only_present_mappings);
    if (!memory) {
        return memory.error();
    }
    auto for_readers = open_for_readers(memory->fd);
    if (!for_readers) {
        return for_readers.error();
    }
    return std::unique_ptr<FrameStore>(
        std::make_unique<HostStore>(std::move(*memory), std::move(*for_readers), layout));
}

Result<std::unique_ptr<FrameAccess>> open_host_frames(const UniqueFd& fd, const RingDescription& ring) {
    auto mapping = map_shared_memory(fd, ring.control.parts_size, Access::read_only);
    if (!mapping) {
        return mapping.error();
    }
    UniqueFd kept(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!kept) {
        return system_error("keep the descriptor of shared memory");
    }
    return std::unique_ptr<FrameAccess>(
        std::make_unique<HostAccess>(std::move(kept), std::move(*mapping), ring.slot_count));
}

} // namespace cuframes::core
