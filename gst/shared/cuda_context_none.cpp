// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for cuda_context.cpp in builds without the CUDA headers or GStreamer's CUDA library: there is never a context.
#include "shared/cuda_context.h"

namespace cuframes::gst {

CudaHandles::CudaHandles(GstCudaContext*) {}
CudaHandles::CudaHandles(const CudaHandles&) {}
CudaHandles& CudaHandles::operator=(CudaHandles) noexcept { return *this; }
CudaHandles::~CudaHandles() {}
CudaHandles CudaHandles::with_stream_of(const GstStructure*) const { return {}; }
void* CudaHandles::context_handle() const { return nullptr; }
cuframes_cuda_stream CudaHandles::stream_handle() const { return CUFRAMES_DEFAULT_STREAM; }
int CudaHandles::device() const { return -1; }

void CudaContextHolder::set_device(int device) { device_ = device; }
void CudaContextHolder::clear() {}
void CudaContextHolder::offer(GstContext*) {}
bool CudaContextHolder::answer(GstQuery*) { return false; }
CudaHandles CudaContextHolder::ensure(int, bool) { return {}; }
CudaHandles CudaContextHolder::follow(GstPad*) { return {}; }
CudaHandles CudaContextHolder::current() const { return {}; }

std::shared_ptr<MemoryBook> make_cuda_memory_book(MemoryRecord::Release, const CudaHandles&, const GstVideoInfo&,
                                                  bool) {
    return nullptr;
}

bool is_cuda_caps(const GstCaps*) { return false; }
std::optional<CudaMemoryView> view_cuda_memory(GstMemory*) { return std::nullopt; }
GstMapFlags read_flags(bool) { return GST_MAP_READ; }
GstMapFlags write_flags(bool) { return GST_MAP_WRITE; }

void set_pool_stream(GstStructure*, const CudaHandles&) {}
void mark_copy_under_way(GstBuffer*) {}
MemoryRecord* record_in_cuda_memory(GstMemory*) { return nullptr; }
bool built_with_cuda() { return false; }
bool cuda_is_usable() { return false; }

} // namespace cuframes::gst
