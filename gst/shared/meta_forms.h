// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/meta_bytes.h"

#include <gst/gst.h>

#include <functional>
#include <span>
#include <string>

namespace cuframes::gst {

/// What a frame's GstVideoMeta says beside the layout of its planes, which each side knows for itself.
struct FrameTraits {
    guint flags = 0; ///< GstVideoFrameFlags
    gint id = 0;
};

/// Names that metas carry become GQuarks, which a process never gives back: no publisher may fill the memory with them.
class NameTable {
public:
    /// False if this is one new name too many. An empty name is the quark 0.
    bool find(const std::string& name, GQuark* quark);

private:
    guint added_ = 0;
};

/// What forms need to know of a frame that is written.
struct MetaWriting {
    GstBuffer* buffer;
    GstClockTime running_time; ///< Of the frame, in the pipeline that publishes it.
    std::function<void(const std::string& what, const char* why)> leave_behind;
};

/// What forms need to know of a frame that is read, and what they find out.
struct MetaReading {
    GstBuffer* buffer;
    GstClockTime running_time; ///< Of the frame, in the pipeline that reads it.
    NameTable& names;
    FrameTraits& traits;
    std::function<void(const std::string& what, const char* why)> skip;
};

enum class Written {
    yes,
    needless, ///< It says nothing.
    no,       ///< This one cannot be carried.
};

/// What GStreamer cannot serialize, or not so that it fits the reader's side, has a form of ours. Entries look like
/// GStreamer's own, so that readers who know nothing of ours skip them, but have names that no GType can have. A version
/// may get fields at its end, which readers that do not know them leave alone; any other change takes a new version.
struct MetaForm {
    const char* name;
    guint8 version;
    const GstMetaInfo* (*info)();
    /// Appends the payload.
    Written (*write)(const GstMeta* meta, const MetaWriting& to, ByteWriter& bytes);
    /// Adds the meta to the buffer. False: the payload is malformed or says what cannot be.
    bool (*read)(ByteReader& bytes, const MetaReading& from);
};

std::span<const MetaForm> meta_forms();

/// Whether GStreamer's parser of structures and caps may be asked about a text of unknown origin. It takes a beginning
/// that is no name for a programming error, and calls itself for each bracket, so that the stack can be used up.
bool may_be_parsed(const std::string& text);

/// GstAnalyticsRelationMeta; NULL in builds without GStreamer's analytics library.
const MetaForm* analytics_form();

} // namespace cuframes::gst
