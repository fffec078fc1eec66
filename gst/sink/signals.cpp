// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/signals.h"

#include "sink/cuframessink.h"
#include "sink/state.h"

namespace cuframes::gst {
namespace {

enum Signal { SIGNAL_SUBSCRIBER_ADDED, SIGNAL_SUBSCRIBER_REMOVED, SIGNAL_LAST };

guint signals[SIGNAL_LAST];

} // namespace

void install_sink_signals(GType type) {
    /// GstCuframesSink::subscriber-added:
    /// @sink: the #GstCuframesSink
    /// @name: the reader's name
    /// @pid: its process, or 0 if it has no number in this PID namespace
    ///
    /// A reader has attached. Emitted in a thread of its own, in which any function may be called.
    ///
    /// Since: 0.1
    signals[SIGNAL_SUBSCRIBER_ADDED] = g_signal_new("subscriber-added", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
                                                    nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_INT);
    /// GstCuframesSink::subscriber-removed:
    /// @sink: the #GstCuframesSink
    /// @name: the reader's name
    /// @pid: its process, or 0 if it has no number in this PID namespace
    /// @reason: why: closed, died, or protocol (it sent something malformed)
    ///
    /// A reader is gone, and what it held is free again.
    ///
    /// Since: 0.1
    signals[SIGNAL_SUBSCRIBER_REMOVED] =
        g_signal_new("subscriber-removed", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr, G_TYPE_NONE, 3,
                     G_TYPE_STRING, G_TYPE_INT, G_TYPE_STRING);
}

void deliver_subscriber_event(GstElement* sink, const SubscriberEvents::Event& event) {
    if (event.left) {
        g_signal_emit(sink, signals[SIGNAL_SUBSCRIBER_REMOVED], 0, event.name.c_str(), event.pid,
                      cuframes_leave_reason_name(*event.left));
    } else {
        g_signal_emit(sink, signals[SIGNAL_SUBSCRIBER_ADDED], 0, event.name.c_str(), event.pid);
    }
    g_object_notify(G_OBJECT(sink), "num-subscribers");
    GST_CUFRAMES_SINK(sink)->state->held_frame().subscribers_changed();
}

} // namespace cuframes::gst
