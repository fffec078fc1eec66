// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/meta_forms.h"

#include <gst/gst.h>

#include <atomic>
#include <set>
#include <string>

namespace cuframes::gst {

/// Flags of a buffer that say something about the frame; the rest is about one process's memory management.
inline constexpr guint portable_flag_mask =
    ~(static_cast<guint>(GST_MINI_OBJECT_FLAG_LAST) - 1) & ~static_cast<guint>(GST_BUFFER_FLAG_TAG_MEMORY);

/// Metas of the video library and the core register when they are first used. A reader must know them before the first one
/// arrives.
void register_known_metas();

/// Counts what could not cross, and says it once for each kind.
class LeftOut {
public:
    LeftOut(GstElement* element, const char* consequence) : element_(element), consequence_(consequence) {}

    void count(const std::string& what, const char* why);
    guint64 total() const { return total_; }

private:
    GstElement* element_;
    const char* consequence_;
    std::set<std::string> told_;
    std::atomic<guint64> total_ = 0;
};

/// Packs the metas of frames for the ring, one after the other: in a form of ours where there is one, else in GStreamer's
/// own serialized form.
class MetaWriter {
public:
    explicit MetaWriter(GstElement* element);
    ~MetaWriter();
    MetaWriter(const MetaWriter&) = delete;
    MetaWriter& operator=(const MetaWriter&) = delete;

    /// The metas of `buffer`, a frame of that running time; valid until the next call.
    const GByteArray* pack(GstBuffer* buffer, GstClockTime running_time);

    /// Metas, and parts of them, that could not be carried so far. The first of each kind is logged.
    guint64 left_behind() const { return left_out_.total(); }

private:
    static gboolean pack_one(GstBuffer* buffer, GstMeta** meta, gpointer self);
    Written write(const GstMeta* meta);
    Written write_in_form(const MetaForm& form, const GstMeta* meta);

    LeftOut left_out_;
    GByteArray* bytes_;
    MetaWriting writing_;
};

/// Unpacks what MetaWriter packed. What this process cannot read is skipped; the first of each kind is logged.
class MetaReader {
public:
    explicit MetaReader(GstElement* element);

    /// Adds the metas to `buffer`, a frame of that running time, and returns what goes into its GstVideoMeta, which is
    /// not added.
    FrameTraits unpack(GstBuffer* buffer, GstClockTime running_time, const void* data, gsize size);

    /// Metas, and parts of them, that could not be read so far.
    guint64 skipped() const { return left_out_.total(); }

private:
    void read(const std::string& name, ByteReader payload, ByteReader entry, const MetaReading& from);

    LeftOut left_out_;
    NameTable names_;
};

} // namespace cuframes::gst
