// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/properties.h"

#include "shared/property_table.h"
#include "sink/cuframessink.h"
#include "sink/state.h"

namespace cuframes::gst {
namespace {

using SinkProperties = PropertyTable<GstCuframesSink>;

void read_epoch(const SinkState& state, GValue* value) { g_value_set_uint64(value, state.publication().epoch()); }
void read_num_subscribers(const SinkState& state, GValue* value) {
    g_value_set_uint(value, state.publication().num_subscribers());
}
void read_stats(const SinkState& state, GValue* value) { g_value_take_boxed(value, state.stats()); }

void add_ring_settings(SinkProperties& table) {
    const SinkSettings defaults;
    /// GstCuframesSink:key:
    ///
    /// Name by which readers find what is shared: 1 to 64 characters out of A-Z a-z 0-9 . _ and -. Required. Only one
    /// publisher can have a key at a time.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::key>(g_param_spec_string(
        "key", "Key", "Name by which readers find what is shared (required; letters, digits, '.', '_', '-')", nullptr,
        setting));
    /// GstCuframesSink:directory:
    ///
    /// Where the sockets of rings are. By default $CUFRAMES_DIR, else $NVIDIA_DRA_LOCAL_IPC_DIR/cuframes, else
    /// $XDG_RUNTIME_DIR/cuframes, else /run/cuframes if that can be used, else /tmp/cuframes-UID. Share this directory,
    /// and nothing else, between containers.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::directory>(g_param_spec_string(
        "directory", "Directory",
        "Where the sockets are (NULL: $CUFRAMES_DIR, $XDG_RUNTIME_DIR/cuframes, /run/cuframes or /tmp/cuframes-UID)",
        nullptr, environment_dependent));
    /// GstCuframesSink:content:
    ///
    /// Whether raw video is shared, or packets. With auto the first caps decide, and readers wait for them. Set it where
    /// readers are to be there before: #GstCuframesSink:num-subscribers counts them then, so that a program can begin to
    /// decode when the first one comes. With frames upstream is offered nothing but raw video, so that an element with pads
    /// of several kinds is linked by the right one.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::content>(g_param_spec_enum("content", "Content",
                                                        "Whether raw video is shared, or packets; auto: as the first "
                                                        "caps say",
                                                        enum_type<cuframes_content>(), defaults.content, setting));
    /// GstCuframesSink:slots:
    ///
    /// Frames that the ring holds for readers; of packets #GstCuframesSink:max-time says how many are kept. By default
    /// the ring begins with 8 and grows when readers come and when they hold more, up to #GstCuframesSink:max-slots. With
    /// a number (3 to 128) it has so many, whoever comes: readers that want more than it can spare copy frames, and one
    /// for which there is none left is refused.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::slots>(
        g_param_spec_uint("slots", "Slots", "Frames the ring holds (0: at least 8, growing as readers need it)", 0,
                          CUFRAMES_MAX_RING_SLOTS, defaults.slots, setting));
    /// GstCuframesSink:max-slots:
    ///
    /// The most frames that a ring with slots=0 may grow to: 3 to 128. Memory is taken when it is needed.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::max_slots>(
        g_param_spec_uint("max-slots", "Max slots", "The most frames that a ring with slots=0 may grow to",
                          CUFRAMES_MIN_RING_SLOTS, CUFRAMES_MAX_RING_SLOTS, defaults.max_slots, setting));
    /// GstCuframesSink:policy:
    ///
    /// What a strict reader that lags by the whole ring, or by all packets that are kept, does to this pipeline.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::policy>(g_param_spec_enum("policy", "Policy",
                                                       "What a lagging strict reader does to this pipeline",
                                                       enum_type<cuframes_policy>(), defaults.policy, setting));
    /// GstCuframesSink:wait-timeout:
    ///
    /// With policy=wait: how long strict readers are waited for, before the slow ones lose frames.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::wait_timeout_ms>(
        g_param_spec_uint("wait-timeout", "Wait timeout",
                          "With policy=wait: milliseconds until a strict reader that does not keep up loses frames", 1,
                          G_MAXUINT, defaults.wait_timeout_ms, setting));
}

void add_packet_settings(SinkProperties& table) {
    const SinkSettings defaults;
    /// GstCuframesSink:max-time:
    ///
    /// Packets: milliseconds of the past that are kept for readers. A keyframe and what depends on it leave together, when
    /// what is left still covers this time; or earlier, when #GstCuframesSink:max-bytes are full.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::max_time_ms>(g_param_spec_uint("max-time", "Max time",
                                                            "Packets: milliseconds of the past that are kept", 1,
                                                            G_MAXUINT, defaults.max_time_ms, setting));
    /// GstCuframesSink:max-bytes:
    ///
    /// Packets: bytes that are kept at most. Memory is taken as it is needed. The default is 15 seconds at 35 Mbit/s. A
    /// packet that does not fit is left out, counted, and warned of once.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::max_bytes>(g_param_spec_uint64("max-bytes", "Max bytes",
                                                            "Packets: bytes of them that are kept at most", 64 * 1024,
                                                            G_GUINT64_CONSTANT(64) << 30, defaults.max_bytes, setting));
}

void add_frame_and_reader_settings(SinkProperties& table) {
    const SinkSettings defaults;
    /// GstCuframesSink:wait-for-subscribers:
    ///
    /// Hold the first frame or packet until so many readers have attached, so that strict ones get all from the first on.
    /// The pipeline does not play before, and its clock does not run; a live source's frames are left out meanwhile, and
    /// its packets kept.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::wait_for_subscribers>(g_param_spec_uint(
        "wait-for-subscribers", "Wait for subscribers", "Hold the first frame until so many readers have attached", 0,
        256, defaults.wait_for_subscribers, setting));
    /// GstCuframesSink:memory:
    ///
    /// Where the ring lives. With auto it is where the frames come from. Frames are uploaded or downloaded once when they
    /// come from elsewhere. Packets are in system memory.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::memory>(g_param_spec_enum("memory", "Memory",
                                                       "Where the ring lives; auto: where the frames come from",
                                                       enum_type<GstCuframesMemory>(), defaults.memory, setting));
    /// GstCuframesSink:cuda-device-id:
    ///
    /// With memory=cuda and frames from host memory, the GPU to put them on (-1: the first one). With frames that are on
    /// a GPU already, a check that it is this one (-1: any).
    ///
    /// Since: 0.1
    table.add<&SinkSettings::cuda_device>(
        g_param_spec_int("cuda-device-id", "CUDA device ID",
                         "GPU for frames that arrive in system memory, or check for those that do not (-1: any)", -1,
                         G_MAXINT, defaults.cuda_device, setting));
    /// GstCuframesSink:access:
    ///
    /// Who may attach: user (the same user, and root), group:NAME, or all.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::access>(g_param_spec_string("access", "Access", "Who may attach: user, group:NAME or all",
                                                         defaults.access.c_str(), setting));
    /// GstCuframesSink:max-subscribers:
    ///
    /// Readers that may be attached at once.
    ///
    /// Since: 0.1
    table.add<&SinkSettings::max_subscribers>(g_param_spec_uint("max-subscribers", "Max subscribers",
                                                                "Readers that may be attached at once", 1, 256,
                                                                defaults.max_subscribers, setting));
}

void add_readings(SinkProperties& table) {
    /// GstCuframesSink:epoch:
    ///
    /// Identifies the ring's current generation, which ends with new caps; 0 before the first.
    ///
    /// Since: 0.1
    table.add_reading<read_epoch>(g_param_spec_uint64(
        "epoch", "Epoch", "Identifies the ring's current generation (0: none yet)", 0, G_MAXUINT64, 0, reading));
    /// GstCuframesSink:num-subscribers:
    ///
    /// Readers that are attached now. Changes are notified, never from a thread that carries frames.
    ///
    /// Since: 0.1
    table.add_reading<read_num_subscribers>(g_param_spec_uint(
        "num-subscribers", "Number of subscribers", "Readers that are attached now", 0, G_MAXUINT, 0, reading));
    /// GstCuframesSink:stats:
    ///
    /// A structure with the uint64 fields epoch, last-sequence, published, dropped, copied, lapped, bytes, waited
    /// (nanoseconds), metas-not-serialized, metadata-too-large, slots (frames that the ring keeps now) and memory (bytes
    /// of frame memory it has); of the packets that are kept window-packets, window-keyframes (uint), window-bytes, the
    /// times of capture oldest-time, newest-time and keyframe-time, and bit-rate; and an array subscribers of structures
    /// with name, pid, mode, max-held, held, lag, received, skipped and lost. After a stop they are those of the end.
    ///
    /// Since: 0.1
    table.add_reading<read_stats>(g_param_spec_boxed("stats", "Statistics", "Counters of the ring and of each reader",
                                                     GST_TYPE_STRUCTURE, reading));
}

} // namespace

void install_sink_properties(GObjectClass* klass) {
    SinkProperties table(klass);
    add_ring_settings(table);
    add_packet_settings(table);
    add_frame_and_reader_settings(table);
    add_readings(table);
}

} // namespace cuframes::gst
