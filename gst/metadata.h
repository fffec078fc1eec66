// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

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

/// Packs the metas of frames for the ring, one after the other in GStreamer's own serialized form.
class MetaWriter {
public:
    explicit MetaWriter(GstElement* element);
    ~MetaWriter();
    MetaWriter(const MetaWriter&) = delete;
    MetaWriter& operator=(const MetaWriter&) = delete;

    /// The metas of `buffer`; valid until the next call.
    const GByteArray* pack(GstBuffer* buffer);

    /// Metas that could not be serialized so far. The first of each type is logged.
    guint64 left_behind() const { return left_behind_; }

private:
    static gboolean pack_one(GstBuffer* buffer, GstMeta** meta, gpointer self);
    void leave_behind(const GstMeta* meta);

    GstElement* element_;
    GByteArray* bytes_;
    std::set<GType> logged_;
    std::atomic<guint64> left_behind_ = 0;
};

/// Unpacks what MetaWriter packed. Metas of types that are not registered in this process are skipped; the first of
/// each is logged.
class MetaReader {
public:
    explicit MetaReader(GstElement* element) : element_(element) {}

    void unpack(GstBuffer* buffer, const void* data, gsize size);

private:
    void skip(const std::string& name, const char* why);

    GstElement* element_;
    std::set<std::string> logged_;
};

} // namespace cuframes::gst
