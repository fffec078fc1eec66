// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/stats.h"

#include <vector>

namespace cuframes::gst {
namespace {

void append(GValue* array, GstStructure* entry) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed(&value, entry);
    gst_value_array_append_and_take_value(array, &value);
}

GstStructure* describe(const cuframes_subscriber_info& who) {
    return gst_structure_new("subscriber", "name", G_TYPE_STRING, who.name, "pid", G_TYPE_INT, who.pid, "mode",
                             G_TYPE_STRING, cuframes_mode_name(who.mode), "max-held", G_TYPE_UINT, who.max_held, "held",
                             G_TYPE_UINT, who.held, "lag", G_TYPE_UINT64, who.lag, "received", G_TYPE_UINT64,
                             who.received, "skipped", G_TYPE_UINT64, who.skipped, "lost", G_TYPE_UINT64, who.lost,
                             nullptr);
}

/// All zero, and no times, where frames are shared or nothing is yet.
void set_window(GstStructure* stats, cuframes_publisher* publisher) {
    cuframes_packet_window window;
    CUFRAMES_INIT(window);
    if (!publisher || cuframes_publisher_get_packet_window(publisher, &window) != CUFRAMES_OK) {
        CUFRAMES_INIT(window);
        window.oldest_time = window.newest_time = window.keyframe_time = CUFRAMES_TIME_NONE;
    }
    gst_structure_set(stats, "window-packets", G_TYPE_UINT64, window.packets, "window-keyframes", G_TYPE_UINT,
                      window.keyframes, "window-bytes", G_TYPE_UINT64, window.bytes, "oldest-time", G_TYPE_UINT64,
                      window.oldest_time, "newest-time", G_TYPE_UINT64, window.newest_time, "keyframe-time",
                      G_TYPE_UINT64, window.keyframe_time, "bit-rate", G_TYPE_UINT64, window.bit_rate, nullptr);
}

void set_subscribers(GstStructure* stats, cuframes_publisher* publisher) {
    GValue array = G_VALUE_INIT;
    g_value_init(&array, GST_TYPE_ARRAY);
    if (publisher) {
        for (const cuframes_subscriber_info& who : list_subscribers(publisher)) {
            append(&array, describe(who));
        }
    }
    gst_structure_take_value(stats, "subscribers", &array);
}

} // namespace

std::vector<cuframes_subscriber_info> list_subscribers(cuframes_publisher* publisher) {
    cuframes_subscriber_info empty;
    CUFRAMES_INIT(empty);
    std::vector<cuframes_subscriber_info> list(8, empty);
    for (;;) {
        const int count = cuframes_publisher_get_subscribers(publisher, list.data(), list.size());
        if (count < 0) {
            return {};
        }
        const bool complete = static_cast<size_t>(count) <= list.size();
        list.resize(static_cast<size_t>(count), empty);
        if (complete) {
            return list;
        }
    }
}

GstStructure* publisher_stats(cuframes_publisher* publisher, guint64 metas_not_serialized) {
    cuframes_publisher_stats now;
    CUFRAMES_INIT(now);
    if (publisher) {
        cuframes_publisher_get_stats(publisher, &now);
    }
    GstStructure* stats = gst_structure_new(
        "cuframes-publisher-stats", "epoch", G_TYPE_UINT64, now.epoch, "last-sequence", G_TYPE_UINT64,
        now.last_sequence, "published", G_TYPE_UINT64, now.published, "dropped", G_TYPE_UINT64, now.dropped, "copied",
        G_TYPE_UINT64, now.copied, "lapped", G_TYPE_UINT64, now.lapped, "bytes", G_TYPE_UINT64, now.bytes, "waited",
        G_TYPE_UINT64, now.waited_ns, "metas-not-serialized", G_TYPE_UINT64, metas_not_serialized, "metadata-too-large",
        G_TYPE_UINT64, now.metadata_dropped, "slots", G_TYPE_UINT, now.slots, "memory", G_TYPE_UINT64, now.memory,
        "refused", G_TYPE_UINT64, now.refused, nullptr);
    set_window(stats, publisher);
    set_subscribers(stats, publisher);
    return stats;
}

GstStructure* subscriber_stats(cuframes_subscriber* subscriber, guint64 copied, guint64 early, guint64 metas_skipped) {
    cuframes_subscriber_stats now;
    CUFRAMES_INIT(now);
    if (subscriber) {
        cuframes_subscriber_get_stats(subscriber, &now);
    }
    return gst_structure_new("cuframes-subscriber-stats", "state", G_TYPE_STRING, cuframes_state_name(now.state),
                             "epoch", G_TYPE_UINT64, now.epoch, "last-sequence", G_TYPE_UINT64, now.last_sequence,
                             "received", G_TYPE_UINT64, now.received, "skipped", G_TYPE_UINT64, now.skipped, "lost",
                             G_TYPE_UINT64, now.lost, "early", G_TYPE_UINT64, early, "reconnects", G_TYPE_UINT64,
                             now.reconnects, "copied", G_TYPE_UINT64, copied, "held", G_TYPE_UINT, now.held, "max-held",
                             G_TYPE_UINT, now.max_held, "metas-skipped", G_TYPE_UINT64, metas_skipped, "publisher-pid",
                             G_TYPE_INT, now.publisher_pid, nullptr);
}

} // namespace cuframes::gst
