// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/memory_book.h"

#include "gst-common/relaxed_capture.h"
#include "shared/cuda_context.h"
#include "shared/fd_memory_book.h"

#include <utility>

namespace {

struct HostMemory {
    GstMemory memory;
    guint8* data;
    cuframes::gst::MemoryRecord* record; ///< NULL in a shared part, which holds a reference to the whole.
};

HostMemory* host(GstMemory* memory) { return reinterpret_cast<HostMemory*>(memory); }

} // namespace

#define GST_TYPE_CUFRAMES_ALLOCATOR (gst_cuframes_allocator_get_type())
G_DECLARE_FINAL_TYPE(GstCuframesAllocator, gst_cuframes_allocator, GST, CUFRAMES_ALLOCATOR, GstAllocator)

struct _GstCuframesAllocator {
    GstAllocator parent;
};

G_DEFINE_FINAL_TYPE(GstCuframesAllocator, gst_cuframes_allocator, GST_TYPE_ALLOCATOR)

static GstMemory* gst_cuframes_allocator_alloc(GstAllocator*, gsize, GstAllocationParams*) {
    // Slots belong to a ring; this allocator only describes them.
    return nullptr;
}

static void gst_cuframes_allocator_free(GstAllocator*, GstMemory* memory) {
    delete host(memory)->record;
    delete host(memory);
}

static void gst_cuframes_allocator_class_init(GstCuframesAllocatorClass* klass) {
    GST_ALLOCATOR_CLASS(klass)->alloc = GST_DEBUG_FUNCPTR(gst_cuframes_allocator_alloc);
    GST_ALLOCATOR_CLASS(klass)->free = GST_DEBUG_FUNCPTR(gst_cuframes_allocator_free);
}

static GstMemory* share_host(GstMemory* memory, gssize offset, gssize size) {
    GstMemory* whole = memory->parent ? memory->parent : memory;
    if (size == -1) {
        size = static_cast<gssize>(memory->size) - offset;
    }
    auto* part = new HostMemory{{}, host(memory)->data, nullptr};
    const auto flags = static_cast<GstMemoryFlags>(GST_MINI_OBJECT_FLAGS(whole) | GST_MINI_OBJECT_FLAG_LOCK_READONLY);
    gst_memory_init(&part->memory, flags, memory->allocator, whole, memory->maxsize, memory->align,
                    memory->offset + static_cast<gsize>(offset), static_cast<gsize>(size));
    return &part->memory;
}

static void gst_cuframes_allocator_init(GstCuframesAllocator* self) {
    GstAllocator* allocator = GST_ALLOCATOR_CAST(self);
    allocator->mem_type = "cuframes.slot";
    allocator->mem_map = [](GstMemory* memory, gsize, GstMapFlags) -> gpointer { return host(memory)->data; };
    allocator->mem_unmap = [](GstMemory*) {};
    allocator->mem_share = share_host;
    allocator->mem_is_span = [](GstMemory*, GstMemory*, gsize*) -> gboolean { return FALSE; };
    GST_OBJECT_FLAG_SET(self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

namespace cuframes::gst {
namespace {

GstAllocator* slot_allocator() {
    static GstAllocator* const allocator = [] {
        auto* made = GST_ALLOCATOR_CAST(g_object_new(GST_TYPE_CUFRAMES_ALLOCATOR, nullptr));
        gst_object_ref_sink(made);
        GST_OBJECT_FLAG_SET(made, GST_OBJECT_FLAG_MAY_BE_LEAKED);
        return made;
    }();
    return allocator;
}

} // namespace

MemoryRecord* MemoryBook::record_of(GstMemory* memory) {
    if (memory->mini_object.dispose != dispose) {
        return nullptr;
    }
    if (MemoryRecord* record = record_in_cuda_memory(memory)) {
        return record;
    }
    if (memory->allocator == slot_allocator()) {
        return host(memory)->record;
    }
    return FdMemoryBook::record_in(memory);
}

GstMemory* MemoryBook::take_idle(uint32_t index) {
    const std::lock_guard lock(mutex_);
    if (index >= idle_.size()) {
        idle_.resize(index + 1, nullptr);
    }
    return std::exchange(idle_[index], nullptr);
}

GstMemory* MemoryBook::lend(uint32_t index, void* data, void* handle) {
    GstMemory* memory = take_idle(index);
    if (!memory) {
        auto record = std::make_unique<MemoryRecord>(release_, index);
        memory = wrap(data, record.get());
        record.release();
        memory->mini_object.dispose = dispose;
    }
    MemoryRecord* record = record_of(memory);
    record->handle = handle;
    record->published = false;
    record->book = shared_from_this();
    prepare(memory);
    return memory;
}

gboolean MemoryBook::dispose(GstMiniObject* object) {
    auto* memory = reinterpret_cast<GstMemory*>(object);
    MemoryRecord* record = record_of(memory);
    // The book must outlive the call although the record is about to drop its reference to it.
    const std::shared_ptr<MemoryBook> book = std::move(record->book);
    return !book || !book->take_back(memory, record);
}

bool MemoryBook::take_back(GstMemory* memory, MemoryRecord* record) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || idle_[record->index]) {
            return false; // it is freed, and the record lets the slot go after the memory's caches are gone
        }
        gst_memory_ref(memory);
        idle_[record->index] = memory;
    }
    // Only now may the slot be taken again: whoever does finds the memory above.
    record->let_go();
    return true;
}

void MemoryBook::close() {
    std::vector<GstMemory*> idle;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        idle.swap(idle_);
    }
    const RelaxedCapture relaxed; // what elements have kept on them goes too
    for (GstMemory* memory : idle) {
        if (memory) {
            gst_memory_unref(memory);
        }
    }
}

GstMemory* HostMemoryBook::wrap(void* data, MemoryRecord* record) {
    auto* memory = new HostMemory{{}, static_cast<guint8*>(data), record};
    gst_memory_init(&memory->memory, static_cast<GstMemoryFlags>(0), slot_allocator(), nullptr, size_, 0, 0, size_);
    return &memory->memory;
}

void HostMemoryBook::prepare(GstMemory* memory) {
    // Whoever had it last may have narrowed it.
    memory->offset = 0;
    memory->size = memory->maxsize;
    if (read_only_) {
        GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
    } else {
        GST_MEMORY_FLAG_UNSET(memory, GST_MEMORY_FLAG_READONLY);
    }
}

} // namespace cuframes::gst
