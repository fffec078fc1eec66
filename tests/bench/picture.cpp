// SPDX-License-Identifier: LGPL-2.1-or-later
#include "picture.h"

#ifdef HAVE_CUDA
#include <gst/cuda/gstcuda.h>
#endif

#include <array>
#include <cstring>

namespace bench {
namespace {

/// Where the two numbers are, counted from the first byte of plane 0 or of the last plane.
struct Place {
    guint plane;
    size_t offset;
};

std::array<Place, 2> places(const GstVideoInfo& info, const gint* strides) {
    guint last = GST_VIDEO_INFO_N_PLANES(&info) - 1;
    gint component = 0;
    while (GST_VIDEO_FORMAT_INFO_PLANE(info.finfo, component) != last) {
        component++;
    }
    size_t rows = GST_VIDEO_INFO_COMP_HEIGHT(&info, component);
    size_t row_bytes =
        size_t(GST_VIDEO_INFO_COMP_WIDTH(&info, component)) * GST_VIDEO_INFO_COMP_PSTRIDE(&info, component);
    // A whole word from the row's end, and aligned for the GPU's 32-bit fill.
    size_t column = (row_bytes - sizeof(uint32_t)) & ~size_t(3);
    return {Place{0, 0}, Place{last, (rows - 1) * size_t(strides[last]) + column}};
}

class MappedFrame {
public:
    MappedFrame(GstBuffer* buffer, const GstVideoInfo& info, GstMapFlags flags)
        : mapped_(gst_video_frame_map(&frame_, &info, buffer, flags)) {}
    ~MappedFrame() {
        if (mapped_) {
            gst_video_frame_unmap(&frame_);
        }
    }
    MappedFrame(const MappedFrame&) = delete;
    MappedFrame& operator=(const MappedFrame&) = delete;

    explicit operator bool() const { return mapped_; }
    const gint* strides() const { return frame_.info.stride; }
    uint8_t* at(Place place) const { return static_cast<uint8_t*>(frame_.data[place.plane]) + place.offset; }

private:
    GstVideoFrame frame_ = {};
    bool mapped_;
};

#ifdef HAVE_CUDA

/// The frame's memory mapped for the GPU, with its context current.
class MappedCudaMemory {
public:
    MappedCudaMemory(GstMemory* memory, GstMapFlags flags) : memory_(GST_CUDA_MEMORY_CAST(memory)) {
        gst_cuda_context_push(memory_->context);
        mapped_ = gst_memory_map(memory, &map_, static_cast<GstMapFlags>(flags | GST_MAP_CUDA));
        if (GstCudaStream* stream = gst_cuda_memory_get_stream(memory_)) {
            stream_ = gst_cuda_stream_get_handle(stream);
        }
    }
    ~MappedCudaMemory() {
        if (mapped_) {
            gst_memory_unmap(GST_MEMORY_CAST(memory_), &map_);
        }
        gst_cuda_context_pop(nullptr);
    }
    MappedCudaMemory(const MappedCudaMemory&) = delete;
    MappedCudaMemory& operator=(const MappedCudaMemory&) = delete;

    explicit operator bool() const { return mapped_; }
    CUstream stream() const { return stream_; }
    const gint* strides() const { return memory_->info.stride; }
    CUdeviceptr at(Place place) const {
        return reinterpret_cast<CUdeviceptr>(map_.data) + memory_->info.offset[place.plane] + place.offset;
    }

private:
    GstCudaMemory* memory_;
    GstMapInfo map_ = {};
    bool mapped_;
    CUstream stream_ = nullptr;
};

bool stamp_cuda(GstMemory* memory, const GstVideoInfo& info, uint32_t number) {
    MappedCudaMemory mapped(memory, GST_MAP_WRITE);
    if (!mapped) {
        return false;
    }
    for (Place place : places(info, mapped.strides())) {
        if (CuMemsetD2D32Async(mapped.at(place), sizeof number, number, 1, 1, mapped.stream()) != CUDA_SUCCESS) {
            return false;
        }
    }
    return true;
}

/// Page-locked, as a program that reads results back every frame would have it; kept for the life of the process.
uint32_t* pinned_word() {
    static uint32_t* word = [] {
        void* memory = nullptr;
        return CuMemAllocHost(&memory, sizeof(uint32_t)) == CUDA_SUCCESS ? static_cast<uint32_t*>(memory) : nullptr;
    }();
    return word;
}

std::optional<uint32_t> fetch(const MappedCudaMemory& mapped, Place place) {
    uint32_t* word = pinned_word();
    if (!word || CuMemcpyDtoHAsync(word, mapped.at(place), sizeof *word, mapped.stream()) != CUDA_SUCCESS ||
        CuStreamSynchronize(mapped.stream()) != CUDA_SUCCESS) {
        return std::nullopt;
    }
    return *word;
}

std::optional<Reading> read_back_cuda(GstMemory* memory, const GstVideoInfo& info) {
    MappedCudaMemory mapped(memory, GST_MAP_READ);
    if (!mapped) {
        return std::nullopt;
    }
    auto [head_place, tail_place] = places(info, mapped.strides());
    auto head = fetch(mapped, head_place);
    int64_t time = now_ns();
    auto tail = fetch(mapped, tail_place);
    if (!head || !tail) {
        return std::nullopt;
    }
    return Reading{*head, *tail, time};
}

#endif

} // namespace

bool stamp(GstBuffer* buffer, const GstVideoInfo& info, uint32_t number) {
#ifdef HAVE_CUDA
    if (GstMemory* memory = gst_buffer_peek_memory(buffer, 0); gst_is_cuda_memory(memory)) {
        return stamp_cuda(memory, info, number);
    }
#endif
    MappedFrame frame(buffer, info, GST_MAP_WRITE);
    if (!frame) {
        return false;
    }
    for (Place place : places(info, frame.strides())) {
        std::memcpy(frame.at(place), &number, sizeof number);
    }
    return true;
}

std::optional<Reading> read_back(GstBuffer* buffer, const GstVideoInfo& info) {
#ifdef HAVE_CUDA
    if (GstMemory* memory = gst_buffer_peek_memory(buffer, 0); gst_is_cuda_memory(memory)) {
        return read_back_cuda(memory, info);
    }
#endif
    MappedFrame frame(buffer, info, GST_MAP_READ);
    if (!frame) {
        return std::nullopt;
    }
    auto [head_place, tail_place] = places(info, frame.strides());
    Reading reading = {};
    std::memcpy(&reading.head, frame.at(head_place), sizeof reading.head);
    reading.time = now_ns();
    std::memcpy(&reading.tail, frame.at(tail_place), sizeof reading.tail);
    return reading;
}

} // namespace bench
