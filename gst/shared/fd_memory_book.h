// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/memory_book.h"

namespace cuframes::gst {

/// Host memory of a ring as GstFdMemory, for elements that hand descriptors on instead of pixels. Nothing is mapped for it:
/// the ring is in this process already, and its descriptor is valid while a frame of it is held.
class FdMemoryBook : public MemoryBook {
public:
    /// `base`: where the memory of `fd` is mapped, read-only. `size`: of a frame.
    FdMemoryBook(MemoryRecord::Release release, int fd, const void* base, gsize size);
    ~FdMemoryBook() override;

    /// The record of a whole memory of such a book; nullptr for any other memory.
    static MemoryRecord* record_in(GstMemory* memory);

protected:
    GstMemory* wrap(void* data, MemoryRecord* record) override;
    void prepare(GstMemory* memory) override;

private:
    GstAllocator* allocator_;
    int fd_;
    const guint8* base_;
    gsize size_;
};

/// The allocator of an element downstream that takes memory with a descriptor, and does nothing with it but pass that on;
/// nullptr: there is none. A reference.
GstAllocator* find_descriptor_allocator(GstQuery* query);

/// Whether who gets such memory finds pixels that do not begin where the memory of the descriptor does.
bool offsets_are_understood();

} // namespace cuframes::gst
