// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace cuframes::gst {

class MemoryBook;

/// What ties one GstMemory to a slot that is held: the slot itself on the sink's side, the lease on the source's.
struct MemoryRecord {
    using Release = void (*)(void* handle);

    MemoryRecord(Release let_go_of, uint32_t slot) : release(let_go_of), index(slot) {}
    MemoryRecord(const MemoryRecord&) = delete;
    MemoryRecord& operator=(const MemoryRecord&) = delete;
    ~MemoryRecord() { let_go(); }

    void let_go() {
        if (void* held = std::exchange(handle, nullptr)) {
            release(held);
        }
    }

    Release release;
    uint32_t index;
    void* handle = nullptr;           ///< cuframes_slot or cuframes_frame, while the memory is in use.
    bool published = false;           ///< Sink: readers may see the slot, it must not be written any more.
    std::shared_ptr<MemoryBook> book; ///< While in use: the generation outlives its last memory.
};

/// The GstMemory objects of one ring generation: one for each slot, made once and used again and again, because
/// encoders and texture users cache their registrations on the memory object.
///
/// A slot is let go when the *memory's* last reference goes, not the buffer's: elements may keep the memory alone, share
/// a part of it or put it into another buffer, and the pixels must stay as they are until they are done.
class MemoryBook : public std::enable_shared_from_this<MemoryBook> {
public:
    explicit MemoryBook(MemoryRecord::Release release) : release_(release) {}
    MemoryBook(const MemoryBook&) = delete;
    MemoryBook& operator=(const MemoryBook&) = delete;
    virtual ~MemoryBook() { close(); }

    /// The memory of slot `index` at `data`; `handle` is let go when the memory is no longer referenced.
    GstMemory* lend(uint32_t index, void* data, void* handle);

    /// The generation is over: memories that are idle are freed now, those in use when they come back.
    void close();

    /// The record of a whole memory that lend() gave; nullptr for any other memory.
    static MemoryRecord* record_of(GstMemory* memory);

protected:
    /// Wraps `data`; the record is deleted with the memory.
    virtual GstMemory* wrap(void* data, MemoryRecord* record) = 0;
    virtual void prepare(GstMemory*) {}

private:
    static gboolean dispose(GstMiniObject* object);
    bool take_back(GstMemory* memory, MemoryRecord* record);
    GstMemory* take_idle(uint32_t index);

    MemoryRecord::Release release_;
    std::mutex mutex_;
    bool closed_ = false;
    std::vector<GstMemory*> idle_; ///< By slot.
};

/// Slots in host memory.
class HostMemoryBook : public MemoryBook {
public:
    HostMemoryBook(MemoryRecord::Release release, gsize size, bool read_only)
        : MemoryBook(release), size_(size), read_only_(read_only) {}

protected:
    GstMemory* wrap(void* data, MemoryRecord* record) override;
    void prepare(GstMemory* memory) override;

private:
    gsize size_;
    bool read_only_;
};

} // namespace cuframes::gst
