// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <deque>
#include <memory>

namespace cuframes::gst {

struct BufferUnref {
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
};
using BufferPtr = std::unique_ptr<GstBuffer, BufferUnref>;

/// What a file of FLAC begins with. Its encoder sends that before the first packet and has it in the caps too
/// (`streamheader`), for whoever comes later: decoders look there, files cannot. Empty for all else, which decoders, muxers
/// and payload elements have from the caps.
std::deque<BufferPtr> flac_header(const GstCaps* caps);

} // namespace cuframes::gst
