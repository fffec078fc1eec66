// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/fd_memory_book.h"

#include <gst/allocators/allocators.h>

#include <tuple>

#define GST_TYPE_CUFRAMES_FD_ALLOCATOR (gst_cuframes_fd_allocator_get_type())
G_DECLARE_FINAL_TYPE(GstCuframesFdAllocator, gst_cuframes_fd_allocator, GST, CUFRAMES_FD_ALLOCATOR, GstFdAllocator)

struct _GstCuframesFdAllocator {
    GstFdAllocator parent;

    guint8* base;
    GstMemoryShareFunction share; ///< GstFdAllocator's.
};

G_DEFINE_FINAL_TYPE(GstCuframesFdAllocator, gst_cuframes_fd_allocator, GST_TYPE_FD_ALLOCATOR)

static gpointer map_mapped(GstMemory* memory, gsize, GstMapFlags) {
    return GST_CUFRAMES_FD_ALLOCATOR(memory->allocator)->base; // GstMemory adds the offset.
}

static GstMemory* share_sized(GstMemory* memory, gssize offset, gssize size) {
    // Until 1.26.2 GstFdAllocator took for "the rest" what is beyond the offset of the memory, too.
    if (size == -1) {
        size = static_cast<gssize>(memory->size) - offset;
    }
    return GST_CUFRAMES_FD_ALLOCATOR(memory->allocator)->share(memory, offset, size);
}

static GstMemory* gst_cuframes_fd_allocator_alloc(GstAllocator*, gsize, GstAllocationParams*) {
    // Slots belong to a ring; this allocator only describes them.
    return nullptr;
}

static void gst_cuframes_fd_allocator_class_init(GstCuframesFdAllocatorClass* klass) {
    GST_ALLOCATOR_CLASS(klass)->alloc = GST_DEBUG_FUNCPTR(gst_cuframes_fd_allocator_alloc);
}

static void gst_cuframes_fd_allocator_init(GstCuframesFdAllocator* self) {
    GstAllocator* allocator = GST_ALLOCATOR_CAST(self);
    self->share = allocator->mem_share;
    allocator->mem_map = map_mapped;
    allocator->mem_unmap = [](GstMemory*) {};
    allocator->mem_share = share_sized;
    // Slots lie side by side, and are no picture together.
    allocator->mem_is_span = [](GstMemory*, GstMemory*, gsize*) -> gboolean { return FALSE; };
}

namespace cuframes::gst {
namespace {

GQuark record_quark() {
    static const GQuark quark = g_quark_from_static_string("cuframes-memory-record");
    return quark;
}

} // namespace

FdMemoryBook::FdMemoryBook(MemoryRecord::Release release, int fd, const void* base, gsize size)
    : MemoryBook(release), fd_(fd), base_(static_cast<const guint8*>(base)), size_(size) {
    auto* made = static_cast<GstCuframesFdAllocator*>(g_object_new(GST_TYPE_CUFRAMES_FD_ALLOCATOR, nullptr));
    gst_object_ref_sink(made);
    made->base = const_cast<guint8*>(base_);
    allocator_ = GST_ALLOCATOR_CAST(made);
}

FdMemoryBook::~FdMemoryBook() { gst_object_unref(allocator_); }

MemoryRecord* FdMemoryBook::record_in(GstMemory* memory) {
    if (!GST_IS_CUFRAMES_FD_ALLOCATOR(memory->allocator)) {
        return nullptr;
    }
    return static_cast<MemoryRecord*>(gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(memory), record_quark()));
}

GstMemory* FdMemoryBook::wrap(void* data, MemoryRecord* record) {
    // No larger than to the slot's end: whoever maps it by its descriptor maps what comes before, but nothing behind.
    const auto offset = static_cast<gsize>(static_cast<guint8*>(data) - base_);
    GstMemory* memory = gst_fd_allocator_alloc(allocator_, fd_, offset + size_, GST_FD_MEMORY_FLAG_DONT_CLOSE);
    gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(memory), record_quark(), record,
                              [](gpointer object) { delete static_cast<MemoryRecord*>(object); });
    return memory;
}

void FdMemoryBook::prepare(GstMemory* memory) {
    // Whoever had it last may have narrowed it.
    memory->offset = memory->maxsize - size_;
    memory->size = size_;
    GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
}

GstAllocator* find_descriptor_allocator(GstQuery* query) {
    // An element that also proposes a pool does more with descriptors: waylandsink gives them to the compositor, which maps
    // them for writing, may not, and ends the connection.
    if (gst_query_get_n_allocation_pools(query) > 0) {
        return nullptr;
    }
    for (guint i = 0; i < gst_query_get_n_allocation_params(query); ++i) {
        GstAllocator* allocator = nullptr;
        gst_query_parse_nth_allocation_param(query, i, &allocator, nullptr);
        if (allocator && GST_IS_SHM_ALLOCATOR(allocator)) {
            return allocator;
        }
        gst_clear_object(&allocator);
    }
    return nullptr;
}

bool offsets_are_understood() {
    // Before 1.26.1 unixfdsrc took the pixels at the beginning, with a critical. The other end is most often as old as ours.
    guint major = 0, minor = 0, micro = 0, nano = 0;
    gst_version(&major, &minor, &micro, &nano);
    return std::tie(major, minor, micro) >= std::make_tuple(1U, 26U, 1U);
}

} // namespace cuframes::gst
