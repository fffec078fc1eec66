// SPDX-License-Identifier: LGPL-2.1-or-later
/// Owners of GStreamer's and GLib's objects.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace cuframes::tools {

/// Not by the address of a function: many are `static inline`, and types made of those would be another in each file.
struct Releaser {
    void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
    void operator()(GstSample* sample) const { gst_sample_unref(sample); }
    void operator()(GstMessage* message) const { gst_message_unref(message); }
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
    void operator()(GError* error) const { g_error_free(error); }
    void operator()(char* text) const { g_free(text); }
    template <class Object>
    void operator()(Object* object) const {
        gst_object_unref(object);
    }
};
template <class Type>
using Owner = std::unique_ptr<Type, Releaser>;

using CapsRef = Owner<GstCaps>;
using SampleRef = Owner<GstSample>;
using MessageRef = Owner<GstMessage>;
using BufferRef = Owner<GstBuffer>;
using PadRef = Owner<GstPad>;
using BusRef = Owner<GstBus>;
using ElementRef = Owner<GstElement>;
using FactoryRef = Owner<GstElementFactory>;
using ErrorRef = Owner<GError>;
using Text = Owner<char>;

} // namespace cuframes::tools
