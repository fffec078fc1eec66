// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/properties.h"

#include "shared/property_table.h"
#include "src/cuframessrc.h"
#include "src/state.h"

namespace cuframes::gst {
namespace {

using SrcProperties = PropertyTable<GstCuframesSrc>;

void read_preroll_given(const SrcState& state, GValue* value) { g_value_set_uint(value, in_ms(state.preroll_given())); }

void read_stats(const SrcState& state, GValue* value) { g_value_take_boxed(value, state.stats()); }

void add_frame_settings(SrcProperties& table) {
    const SrcSettings defaults;
    /// GstCuframesSrc:key:
    ///
    /// Name of the ring, as the publisher calls it. Required.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::key>(
        g_param_spec_string("key", "Key", "Name of the ring, as the publisher calls it (required)", nullptr, setting));
    /// GstCuframesSrc:directory:
    ///
    /// Where the sockets of rings are, as on cuframessink. It need not exist yet.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::directory>(g_param_spec_string(
        "directory", "Directory",
        "Where the sockets are (NULL: $CUFRAMES_DIR, $XDG_RUNTIME_DIR/cuframes, /run/cuframes or /tmp/cuframes-UID)",
        nullptr, environment_dependent));
    /// GstCuframesSrc:mode:
    ///
    /// Which frames are delivered.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::mode>(g_param_spec_enum("mode", "Mode", "Which frames are delivered",
                                                    enum_type<cuframes_mode>(), defaults.mode, setting));
    /// GstCuframesSrc:max-held:
    ///
    /// Frames of the ring that everything downstream of this reader may hold at once. By default it is as many as they
    /// hold: the reader begins with a few and asks the publisher for more. What is beyond, or beyond what the ring can
    /// spare, is copied, see #GstCuframesSrc:on-exhausted.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::max_held>(g_param_spec_uint(
        "max-held", "Max held", "Frames of the ring that may be held at once (0: as many as it takes)", 0,
        CUFRAMES_MAX_HELD, defaults.max_held, setting));
    /// GstCuframesSrc:memory:
    ///
    /// Where frames are delivered. With auto they stay where the ring is; with system they are downloaded if that is a
    /// GPU; with cuda a ring in host memory is an error.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::memory>(
        g_param_spec_enum("memory", "Memory", "Where frames are delivered; auto: as the ring, system: downloaded here",
                          enum_type<GstCuframesMemory>(), defaults.memory, setting));
    /// GstCuframesSrc:cuda-device-id:
    ///
    /// GPU to read frames on, if it is to be another than the one they are on (-1: that one).
    ///
    /// Since: 0.1
    table.add<&SrcSettings::cuda_device>(g_param_spec_int("cuda-device-id", "CUDA device ID",
                                                          "GPU to read frames on (-1: the one they are on)", -1,
                                                          G_MAXINT, defaults.cuda_device, setting));
}

void add_packet_settings(SrcProperties& table) {
    const SrcSettings defaults;
    /// GstCuframesSrc:start:
    ///
    /// Packets: where to begin in what the publisher keeps of the past. With later publishers it begins with the first
    /// packet that they still have.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::start>(g_param_spec_enum("start", "Start", "Packets: where in the past to begin",
                                                     enum_type<cuframes_start>(), defaults.start, setting));
    /// GstCuframesSrc:preroll:
    ///
    /// Packets, with #GstCuframesSrc:start set to preroll: how much of the past is wanted, in milliseconds. It begins with
    /// the keyframe at or before that, see #GstCuframesSrc:preroll-given. 0 gives none.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::preroll_ms>(
        g_param_spec_uint("preroll", "Preroll", "Packets, with start=preroll: milliseconds of the past (0: none)", 0,
                          G_MAXUINT, defaults.preroll_ms, setting));
    /// GstCuframesSrc:start-time:
    ///
    /// Packets, with #GstCuframesSrc:start set to time: the time of capture to begin at, in nanoseconds of
    /// CLOCK_MONOTONIC. It begins with the keyframe at or before that; 0 gives all that is there.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::start_time_ns>(g_param_spec_uint64(
        "start-time", "Start time",
        "Packets, with start=time: time of capture, in ns of CLOCK_MONOTONIC (0: all that is there)", 0, G_MAXUINT64,
        defaults.start_time_ns, setting));
    /// GstCuframesSrc:join:
    ///
    /// Packets: what the past is for. With display the segment begins at the moment of joining, and packets from before
    /// are there to decode the first picture from. With record every packet is in the segment, and the first is at running
    /// time 0; the sources of one pipeline that record begin together. Auto is record with #GstCuframesSrc:start set to
    /// preroll or time, which ask for the past, and display else.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::join>(g_param_spec_enum("join", "Join", "Packets: what those of the past are for",
                                                    enum_type<GstCuframesJoin>(), defaults.join, setting));
}

void add_life_settings(SrcProperties& table) {
    const SrcSettings defaults;
    /// GstCuframesSrc:connect-timeout:
    ///
    /// How long to wait for the first publisher, in milliseconds, before that is an error.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::connect_timeout_ms>(g_param_spec_uint(
        "connect-timeout", "Connect timeout", "Milliseconds to wait for a publisher at start (0: for ever)", 0,
        G_MAXUINT, static_cast<guint>(defaults.connect_timeout_ms), setting));
    /// GstCuframesSrc:on-gone:
    ///
    /// What to do when the publisher goes without having ended its stream.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::on_gone>(g_param_spec_enum("on-gone", "On gone",
                                                       "What to do when the publisher goes without EOS",
                                                       enum_type<GstCuframesOnGone>(), defaults.on_gone, setting));
    /// GstCuframesSrc:on-eos:
    ///
    /// What to do when the publisher ends its stream. With wait a publisher that is restarted politely is the same to this
    /// reader as one that is killed.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::on_eos>(g_param_spec_enum("on-eos", "On EOS",
                                                      "What to do when the publisher ends its stream",
                                                      enum_type<GstCuframesOnEos>(), defaults.on_eos, setting));
    /// GstCuframesSrc:on-exhausted:
    ///
    /// What to do when all the frames that may be held are, and another is there. Copies are counted as `copied` in
    /// #GstCuframesSrc:stats.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::on_exhausted>(
        g_param_spec_enum("on-exhausted", "On exhausted", "What to do when max-held frames are held downstream",
                          enum_type<GstCuframesOnExhausted>(), defaults.on_exhausted, setting));
    /// GstCuframesSrc:name-tag:
    ///
    /// How this reader is called in the publisher's statistics and signals.
    ///
    /// Since: 0.1
    table.add<&SrcSettings::name_tag>(g_param_spec_string("name-tag", "Name tag",
                                                          "Name shown to the publisher (NULL: the program's name)",
                                                          nullptr, environment_dependent));
}

} // namespace

void install_src_properties(GObjectClass* klass) {
    SrcProperties table(klass);
    add_frame_settings(table);
    add_packet_settings(table);
    add_life_settings(table);
    /// GstCuframesSrc:preroll-given:
    ///
    /// Packets: how long before it was taken the first one was captured, in milliseconds; 0: it was new. An element
    /// message `cuframes-preroll` tells when that is less than was asked for.
    ///
    /// Since: 0.1
    table.add_reading<read_preroll_given>(g_param_spec_uint("preroll-given", "Preroll given",
                                                            "Packets: milliseconds of the past that there were", 0,
                                                            G_MAXUINT, 0, reading));
    /// GstCuframesSrc:stats:
    ///
    /// A structure with the fields state, epoch, last-sequence, received, skipped, lost, early (frames received that were
    /// captured before this pipeline ran, and left out), reconnects, copied (frames that were copied out of the ring here),
    /// held, max-held (frames that may be held now) and publisher-pid. After a stop they are those of the end.
    ///
    /// Since: 0.1
    table.add_reading<read_stats>(
        g_param_spec_boxed("stats", "Statistics", "Counters of this reader", GST_TYPE_STRUCTURE, reading));
}

} // namespace cuframes::gst
