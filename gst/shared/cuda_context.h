// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/memory_book.h"

#include <cuframes/cuframes.h>
#include <gst/video/video.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

// GStreamer's own, which builds without its CUDA library have to name as well.
typedef struct _GstCudaContext GstCudaContext;
typedef struct _GstCudaStream GstCudaStream;
#define CUFRAMES_GST_CUDA_MEMORY_FEATURE "memory:CUDAMemory"

namespace cuframes::gst {

/// A context and a stream in it, with references of their own.
class CudaHandles {
public:
    CudaHandles() = default;
    /// Makes a stream in `context`.
    explicit CudaHandles(GstCudaContext* context);
    CudaHandles(const CudaHandles& other);
    CudaHandles& operator=(CudaHandles other) noexcept;
    ~CudaHandles();

    /// The same context with the stream that an element put into a pool's configuration, if that is of this context.
    CudaHandles with_stream_of(const GstStructure* pool_config) const;

    explicit operator bool() const { return context_ != nullptr; }
    GstCudaContext* context() const { return context_; }
    GstCudaStream* stream() const { return stream_; }
    void* context_handle() const; ///< CUcontext
    cuframes_cuda_stream stream_handle() const;
    int device() const; ///< Ordinal, or -1.

private:
    GstCudaContext* context_ = nullptr;
    GstCudaStream* stream_ = nullptr;
};

/// The CUDA context of one element: the pipeline's when it has one to offer, else the device's primary context, which
/// torch and its like use too, so that frames are shared within one context.
class CudaContextHolder {
public:
    explicit CudaContextHolder(GstElement* element) : element_(element) {}
    CudaContextHolder(const CudaContextHolder&) = delete;
    CudaContextHolder& operator=(const CudaContextHolder&) = delete;
    ~CudaContextHolder() { clear(); }

    void set_device(int device);
    void clear();

    /// From GstElement::set_context.
    void offer(GstContext* context);
    /// Answers a CONTEXT query; made for the occasion, as whoever asks is about to use CUDA. False: not ours to answer.
    bool answer(GstQuery* query);
    /// Asks the neighbours and the application, then makes one. Empty: there is no driver or no such device.
    CudaHandles ensure(int device, bool ask_neighbours);
    /// Goes over to the context of the elements on the other side of `pad`, which the frames will be in.
    CudaHandles follow(GstPad* pad);

    CudaHandles current() const;

private:
    static bool ask_peer(GstPad* pad, GstQuery* query);
    void ask_neighbours();
    void ask_application();
    void make_primary(int device);
    bool suits(const CudaHandles& handles, int device) const;

    GstElement* element_;
    mutable std::mutex mutex_;
    CudaHandles handles_;
    int device_ = -1;
};

/// Slots in GPU memory; frames of readers are read-only.
std::shared_ptr<MemoryBook> make_cuda_memory_book(MemoryRecord::Release release, const CudaHandles& cuda,
                                                  const GstVideoInfo& info, bool read_only);

/// Whether the caps say that the frames are in GPU memory.
bool is_cuda_caps(const GstCaps* caps);

/// What is needed to read GPU memory in the right order; nothing if `memory` is not GPU memory.
struct CudaMemoryView {
    GstCudaContext* context;
    cuframes_cuda_stream stream;
};
std::optional<CudaMemoryView> view_cuda_memory(GstMemory* memory);

/// The record of GPU memory that one of our books has lent; nullptr for any other memory.
MemoryRecord* record_in_cuda_memory(GstMemory* memory);

/// Gives a pool of GPU memory the stream that its buffers are used on. NVIDIA's decoders take it over: what they write is
/// then ordered before our publishing.
void set_pool_stream(GstStructure* config, const CudaHandles& cuda);
/// What was written to the buffer is still under way on its stream: whoever uses another one has to wait for it.
void mark_copy_under_way(GstBuffer* buffer);

/// GST_MAP_READ or GST_MAP_WRITE, on the GPU where `on_gpu`.
GstMapFlags read_flags(bool on_gpu);
GstMapFlags write_flags(bool on_gpu);

/// Whether this build has GPU support at all.
bool built_with_cuda();
/// And whether a driver can be loaded.
bool cuda_is_usable();

} // namespace cuframes::gst
