// SPDX-License-Identifier: LGPL-2.1-or-later
// GstAnalyticsRelationMeta: what detectors, classifiers and trackers found, and how their findings belong together.
#include "shared/meta_forms.h"

#include <gst/analytics/analytics.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace cuframes::gst {
namespace {

// u32 how many findings; for each: kind u8, its length u32, its fields. u32 how many relations; for each: from, to u32
// (places in the list of findings), GstAnalyticsRelTypes u32. Kinds that a reader does not know it passes over.

enum Kind : guint8 {
    object_detection = 1, ///< type text; x, y, w, h i32; rotation, confidence f32
    classification = 2,   ///< u32 how many classes; for each: name text, confidence f32
    tracking = 3,         ///< id u64; first and last seen i64, ns before this frame; lost u8
};

/// Relations are kept as a square of all findings against all.
constexpr gsize most_findings = 1024;
constexpr gint64 unknown_age = G_MININT64;

// --- writing

/// Trackers say running times, which differ between pipelines. How long ago it was is the same in all.
gint64 age_of(GstClockTime time, GstClockTime frame) {
    const bool known = GST_CLOCK_TIME_IS_VALID(time) && GST_CLOCK_TIME_IS_VALID(frame);
    return known ? GST_CLOCK_DIFF(time, frame) : unknown_age;
}

// Not const: GStreamer 1.24 asks for them so.
void write_detection(GstAnalyticsMtd& finding, ByteWriter& bytes) {
    gint x = 0, y = 0, w = 0, h = 0;
    gfloat rotation = 0, confidence = 0;
#if GST_CHECK_VERSION(1, 26, 0)
    gst_analytics_od_mtd_get_oriented_location(&finding, &x, &y, &w, &h, &rotation, &confidence);
#else
    gst_analytics_od_mtd_get_location(&finding, &x, &y, &w, &h, &confidence);
#endif
    bytes.text(g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&finding)));
    for (const gint number : {x, y, w, h}) {
        bytes.i32(number);
    }
    bytes.f32(rotation);
    bytes.f32(confidence);
}

void write_classes(GstAnalyticsMtd& finding, ByteWriter& bytes) {
    const gsize length = gst_analytics_cls_mtd_get_length(&finding);
    bytes.u32(static_cast<guint32>(length));
    for (gsize i = 0; i < length; ++i) {
        bytes.text(g_quark_to_string(gst_analytics_cls_mtd_get_quark(&finding, i)));
        bytes.f32(gst_analytics_cls_mtd_get_level(&finding, i));
    }
}

void write_track(GstAnalyticsMtd& finding, GstClockTime frame, ByteWriter& bytes) {
    guint64 id = 0;
    GstClockTime first = GST_CLOCK_TIME_NONE, last = GST_CLOCK_TIME_NONE;
    gboolean lost = FALSE;
    gst_analytics_tracking_mtd_get_info(&finding, &id, &first, &last, &lost);
    bytes.u64(id);
    bytes.i64(age_of(first, frame));
    bytes.i64(age_of(last, frame));
    bytes.u8(lost ? 1 : 0);
}

std::optional<Kind> kind_of(GstAnalyticsMtdType type) {
    if (type == gst_analytics_od_mtd_get_mtd_type()) {
        return object_detection;
    }
    if (type == gst_analytics_cls_mtd_get_mtd_type()) {
        return classification;
    }
    if (type == gst_analytics_tracking_mtd_get_mtd_type()) {
        return tracking;
    }
    return std::nullopt;
}

/// The findings that have a form here; of others it is told that they stay behind.
std::vector<GstAnalyticsMtd> list_findings(const GstMeta* meta, const MetaWriting& to) {
    auto* relations = reinterpret_cast<GstAnalyticsRelationMeta*>(const_cast<GstMeta*>(meta));
    std::vector<GstAnalyticsMtd> findings;
    gpointer state = nullptr;
    GstAnalyticsMtd finding;
    while (gst_analytics_relation_meta_iterate(relations, &state, GST_ANALYTICS_MTD_TYPE_ANY, &finding)) {
        const GstAnalyticsMtdType type = gst_analytics_mtd_get_mtd_type(&finding);
        if (kind_of(type)) {
            findings.push_back(finding);
        } else if (type != 0) { // 0: it was removed
            to.leave_behind(std::string("analytics of kind ") + gst_analytics_mtd_type_get_name(type),
                            "it has no form between processes");
        }
    }
    return findings;
}

void write_finding(GstAnalyticsMtd& finding, GstClockTime frame, ByteWriter& bytes) {
    const Kind kind = *kind_of(gst_analytics_mtd_get_mtd_type(&finding));
    bytes.u8(kind);
    const guint length = bytes.reserve_u32();
    switch (kind) {
    case object_detection:
        write_detection(finding, bytes);
        break;
    case classification:
        write_classes(finding, bytes);
        break;
    case tracking:
        write_track(finding, frame, bytes);
        break;
    }
    bytes.set_to_length_since(length);
}

void write_relations(const std::vector<GstAnalyticsMtd>& findings, ByteWriter& bytes) {
    const guint counter = bytes.reserve_u32();
    guint32 count = 0;
    for (guint32 from = 0; from < findings.size(); ++from) {
        for (guint32 to = 0; to < findings.size(); ++to) {
            const GstAnalyticsRelTypes types =
                gst_analytics_relation_meta_get_relation(findings[from].meta, findings[from].id, findings[to].id);
            if (types == GST_ANALYTICS_REL_TYPE_NONE) {
                continue;
            }
            bytes.u32(from);
            bytes.u32(to);
            bytes.u32(static_cast<guint32>(types));
            ++count;
        }
    }
    bytes.set(counter, count);
}

Written write(const GstMeta* meta, const MetaWriting& to, ByteWriter& bytes) {
    std::vector<GstAnalyticsMtd> findings = list_findings(meta, to);
    if (findings.size() > most_findings) {
        return Written::no;
    }
    bytes.u32(static_cast<guint32>(findings.size()));
    for (GstAnalyticsMtd& finding : findings) {
        write_finding(finding, to.running_time, bytes);
    }
    write_relations(findings, bytes);
    return Written::yes;
}

// --- reading

/// A time before the first that this pipeline can name becomes that.
GstClockTime time_of(gint64 age, GstClockTime frame) {
    if (age == unknown_age || !GST_CLOCK_TIME_IS_VALID(frame) || frame > G_MAXINT64) {
        return GST_CLOCK_TIME_NONE;
    }
    const auto now = static_cast<gint64>(frame);
    if (age >= 0) {
        return static_cast<GstClockTime>(std::max<gint64>(now - age, 0));
    }
    return now > G_MAXINT64 + age ? GST_CLOCK_TIME_NONE : static_cast<GstClockTime>(now - age);
}

bool read_detection(ByteReader& bytes, const MetaReading& from, GstAnalyticsRelationMeta* meta, GstAnalyticsMtd* out) {
    const std::string type = bytes.text();
    const gint x = bytes.i32(), y = bytes.i32(), w = bytes.i32(), h = bytes.i32();
    [[maybe_unused]] const gfloat rotation = bytes.f32();
    const gfloat confidence = bytes.f32();
    GQuark quark = 0;
    if (!bytes.ok() || !from.names.find(type, &quark)) {
        return false;
    }
#if GST_CHECK_VERSION(1, 26, 0)
    return gst_analytics_relation_meta_add_oriented_od_mtd(meta, quark, x, y, w, h, rotation, confidence, out);
#else
    return gst_analytics_relation_meta_add_od_mtd(meta, quark, x, y, w, h, confidence, out);
#endif
}

bool read_classes(ByteReader& bytes, const MetaReading& from, GstAnalyticsRelationMeta* meta, GstAnalyticsMtd* out) {
    const guint32 length = bytes.count(sizeof(guint32) + sizeof(gfloat));
    std::vector<gfloat> levels(length);
    std::vector<GQuark> names(length);
    for (guint32 i = 0; i < length; ++i) {
        const std::string name = bytes.text();
        levels[i] = bytes.f32();
        if (!bytes.ok() || !from.names.find(name, &names[i])) {
            return false;
        }
    }
    return length > 0 && bytes.ok() &&
           gst_analytics_relation_meta_add_cls_mtd(meta, length, levels.data(), names.data(), out);
}

bool read_track(ByteReader& bytes, const MetaReading& from, GstAnalyticsRelationMeta* meta, GstAnalyticsMtd* out) {
    const guint64 id = bytes.u64();
    const GstClockTime first = time_of(bytes.i64(), from.running_time);
    const GstClockTime last = time_of(bytes.i64(), from.running_time);
    const bool lost = bytes.u8() != 0;
    if (!bytes.ok() || !gst_analytics_relation_meta_add_tracking_mtd(meta, id, first, out)) {
        return false;
    }
    gst_analytics_tracking_mtd_update_last_seen(out, last);
    return !lost || gst_analytics_tracking_mtd_set_lost(out);
}

bool read_finding(guint8 kind, ByteReader& bytes, const MetaReading& from, GstAnalyticsRelationMeta* meta,
                  GstAnalyticsMtd* out) {
    switch (kind) {
    case object_detection:
        return read_detection(bytes, from, meta, out);
    case classification:
        return read_classes(bytes, from, meta, out);
    case tracking:
        return read_track(bytes, from, meta, out);
    default:
        return false;
    }
}

constexpr guint no_id = G_MAXUINT;

/// The ids that the findings have here, by their place in the list; `no_id` for those that stay out.
std::vector<guint> read_findings(guint32 count, ByteReader& bytes, const MetaReading& from,
                                 GstAnalyticsRelationMeta* meta) {
    std::vector<guint> ids(count, no_id);
    for (guint& id : ids) {
        const guint8 kind = bytes.u8();
        ByteReader fields = bytes.blob();
        GstAnalyticsMtd finding;
        if (bytes.ok() && read_finding(kind, fields, from, meta, &finding)) {
            id = finding.id;
        } else if (bytes.ok()) {
            from.skip("analytics of kind " + std::to_string(kind), "it cannot be read here");
        }
    }
    return ids;
}

void read_relations(const std::vector<guint>& ids, ByteReader& bytes, GstAnalyticsRelationMeta* meta) {
    const guint32 count = bytes.count(3 * sizeof(guint32));
    for (guint32 i = 0; i < count; ++i) {
        const guint32 from = bytes.u32(), to = bytes.u32(), types = bytes.u32();
        const bool known = from < ids.size() && to < ids.size() && ids[from] != no_id && ids[to] != no_id;
        if (known && types > 0 && types <= G_MAXUINT8) {
            gst_analytics_relation_meta_set_relation(meta, static_cast<GstAnalyticsRelTypes>(types), ids[from],
                                                     ids[to]);
        }
    }
}

bool read(ByteReader& bytes, const MetaReading& from) {
    const guint32 count = bytes.count(sizeof(guint8) + sizeof(guint32));
    if (!bytes.ok() || count > most_findings) {
        return false;
    }
    // Room for all at once: it would else be moved again and again.
    GstAnalyticsRelationMetaInitParams room = {std::max<gsize>(count, 5), std::max<gsize>(gsize{count} * 64, 1024)};
    GstAnalyticsRelationMeta* meta = gst_buffer_add_analytics_relation_meta_full(from.buffer, &room);
    const std::vector<guint> ids = read_findings(count, bytes, from, meta);
    read_relations(ids, bytes, meta);
    return bytes.ok();
}

} // namespace

const MetaForm* analytics_form() {
    static const MetaForm form = {"cuframes/analytics-relation", 1, gst_analytics_relation_meta_get_info, write, read};
    return &form;
}

} // namespace cuframes::gst
