// SPDX-License-Identifier: LGPL-2.1-or-later
/// The elements for a type of media, as GStreamer ranks them.
#pragma once

#include "media/ring.h"

#include <gst/gst.h>

#include <string>

namespace cuframes::tools {

/// What makes whole packets of it, or an `identity` where there is none. Floating.
GstElement* make_parser(const GstCaps* caps);

/// The first that works on this machine: one on the GPU may be there and find no driver. Floating; throws if there is none.
GstElement* make_decoder(const GstCaps* caps);

/// Encodes frames as H.264, on the GPU where that works: the conversion, the encoder and its parser. Throws if there is
/// none.
GstElement* append_encoder(GstBin* bin, GstElement* source, const GstCaps* frames);

/// For RTP. Floating; throws if there is none.
GstElement* make_payloader(const GstCaps* caps);

/// Caps without what parsers change.
CapsRef kind_of(const GstCaps* caps);

/// Behind the dot of a key: "h264", "aac", "mulaw".
std::string suffix_of(const GstCaps* caps);

/// A cuframessrc of this ring, which is shown to its publisher as `verb`. Floating.
GstElement* make_source(const Ring& ring, const char* verb);

} // namespace cuframes::tools
