// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes-gst/cuframes-gst.h>
#include <dlpack/dlpack.h>

#include <memory>
#include <string>

namespace cuframes::test {

struct Release {
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
    void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
    void operator()(GstContext* context) const { gst_context_unref(context); }
    void operator()(GstElement* element) const { gst_object_unref(element); }
    void operator()(CuframesGstFrame* frame) const { cuframes_gst_frame_unref(frame); }
    void operator()(DLManagedTensor* tensor) const { tensor->deleter(tensor); }
    void operator()(DLManagedTensorVersioned* tensor) const { tensor->deleter(tensor); }
};
using Buffer = std::unique_ptr<GstBuffer, Release>;
using Caps = std::unique_ptr<GstCaps, Release>;
using Context = std::unique_ptr<GstContext, Release>;
using Frame = std::unique_ptr<CuframesGstFrame, Release>;
using Tensor = std::unique_ptr<DLManagedTensorVersioned, Release>;
using LegacyTensor = std::unique_ptr<DLManagedTensor, Release>;

/// A GError that a call may leave behind.
class Failure {
public:
    Failure() = default;
    Failure(const Failure&) = delete;
    Failure& operator=(const Failure&) = delete;
    ~Failure() { g_clear_error(&error_); }

    GError** out() {
        g_clear_error(&error_);
        return &error_;
    }
    bool is(CuframesGstError code) const { return g_error_matches(error_, CUFRAMES_GST_ERROR, code); }
    std::string text() const { return error_ ? error_->message : "no error"; }

private:
    GError* error_ = nullptr;
};

inline Caps raw_caps(const char* format, int width, int height) {
    return Caps(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, width,
                                    "height", G_TYPE_INT, height, nullptr));
}

inline GstVideoInfo info_of(const Caps& caps) {
    GstVideoInfo info;
    gst_video_info_from_caps(&info, caps.get());
    return info;
}

/// A buffer of system memory in which no two neighbours are alike.
inline Buffer noise(gsize size) {
    Buffer buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
    GstMapInfo map;
    gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE);
    guint32 state = 12345;
    for (gsize i = 0; i < size; ++i) {
        map.data[i] = static_cast<guint8>((state = state * 1664525 + 1013904223) >> 24);
    }
    gst_buffer_unmap(buffer.get(), &map);
    return buffer;
}

inline guint8* data_of(const DLTensor& tensor) { return static_cast<guint8*>(tensor.data) + tensor.byte_offset; }

} // namespace cuframes::test
