// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties and signals of cuframessink.
#include "shared/settings.h"
#include "sink/state.h"

namespace cuframes::gst {
namespace {

enum Property {
    PROP_0,
    PROP_KEY,
    PROP_DIRECTORY,
    PROP_SLOTS,
    PROP_MAX_SLOTS,
    PROP_POLICY,
    PROP_WAIT_TIMEOUT,
    PROP_WAIT_FOR_SUBSCRIBERS,
    PROP_MEMORY,
    PROP_CUDA_DEVICE_ID,
    PROP_ACCESS,
    PROP_MAX_SUBSCRIBERS,
    PROP_EPOCH,
    PROP_NUM_SUBSCRIBERS,
    PROP_STATS,
    PROP_LAST,
};

enum Signal { SIGNAL_SUBSCRIBER_ADDED, SIGNAL_SUBSCRIBER_REMOVED, SIGNAL_LAST };

GParamSpec* properties[PROP_LAST];
guint signals[SIGNAL_LAST];

std::string text_of(const GValue* value) {
    const gchar* text = g_value_get_string(value);
    return text ? text : "";
}

void set_text(GValue* value, const std::string& text) {
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

SinkState& state_of(GObject* object) { return *GST_CUFRAMES_SINK(object)->state; }

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
    SinkSettings& settings = state_of(object).settings();
    GST_OBJECT_LOCK(object);
    if (!may_change_settings(GST_ELEMENT_CAST(object))) {
        GST_OBJECT_UNLOCK(object);
        warn_of_kept_setting(GST_ELEMENT_CAST(object), spec);
        return;
    }
    switch (id) {
    case PROP_KEY:
        settings.key = text_of(value);
        break;
    case PROP_DIRECTORY:
        settings.directory = text_of(value);
        break;
    case PROP_SLOTS:
        settings.slots = g_value_get_uint(value);
        break;
    case PROP_MAX_SLOTS:
        settings.max_slots = g_value_get_uint(value);
        break;
    case PROP_POLICY:
        settings.policy = static_cast<GstCuframesPolicy>(g_value_get_enum(value));
        break;
    case PROP_WAIT_TIMEOUT:
        settings.wait_timeout = g_value_get_uint(value);
        break;
    case PROP_WAIT_FOR_SUBSCRIBERS:
        settings.wait_for_subscribers = g_value_get_uint(value);
        break;
    case PROP_MEMORY:
        settings.memory = static_cast<GstCuframesMemory>(g_value_get_enum(value));
        break;
    case PROP_CUDA_DEVICE_ID:
        settings.cuda_device = g_value_get_int(value);
        break;
    case PROP_ACCESS:
        settings.access = text_of(value);
        break;
    case PROP_MAX_SUBSCRIBERS:
        settings.max_subscribers = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
    GST_OBJECT_UNLOCK(object);
}

bool get_setting(const SinkSettings& settings, guint id, GValue* value) {
    switch (id) {
    case PROP_KEY:
        set_text(value, settings.key);
        return true;
    case PROP_DIRECTORY:
        set_text(value, settings.directory);
        return true;
    case PROP_SLOTS:
        g_value_set_uint(value, settings.slots);
        return true;
    case PROP_MAX_SLOTS:
        g_value_set_uint(value, settings.max_slots);
        return true;
    case PROP_POLICY:
        g_value_set_enum(value, settings.policy);
        return true;
    case PROP_WAIT_TIMEOUT:
        g_value_set_uint(value, settings.wait_timeout);
        return true;
    case PROP_WAIT_FOR_SUBSCRIBERS:
        g_value_set_uint(value, settings.wait_for_subscribers);
        return true;
    case PROP_MEMORY:
        g_value_set_enum(value, settings.memory);
        return true;
    case PROP_CUDA_DEVICE_ID:
        g_value_set_int(value, settings.cuda_device);
        return true;
    case PROP_ACCESS:
        set_text(value, settings.access);
        return true;
    case PROP_MAX_SUBSCRIBERS:
        g_value_set_uint(value, settings.max_subscribers);
        return true;
    default:
        return false;
    }
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
    const SinkState& state = state_of(object);
    if (get_setting(state.copy_settings(), id, value)) {
        return;
    }
    switch (id) {
    case PROP_EPOCH:
        g_value_set_uint64(value, state.epoch());
        break;
    case PROP_NUM_SUBSCRIBERS:
        g_value_set_uint(value, state.num_subscribers());
        break;
    case PROP_STATS:
        g_value_take_boxed(value, state.stats());
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

constexpr auto setting = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
constexpr auto environment_dependent = static_cast<GParamFlags>(setting | GST_PARAM_DOC_SHOW_DEFAULT);
constexpr auto reading = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

void make_ring_properties() {
    /// GstCuframesSink:slots:
    ///
    /// Frames that the ring holds for readers. By default the ring begins with 8 and grows when readers come and when they
    /// hold more, up to #GstCuframesSink:max-slots. With a number (3 to 128) it has so many, whoever comes: readers that
    /// want more than it can spare copy frames, and one for which there is none left is refused.
    ///
    /// Since: 0.1
    properties[PROP_SLOTS] =
        g_param_spec_uint("slots", "Slots", "Frames the ring holds (0: at least 8, growing as readers need it)", 0,
                          CUFRAMES_MAX_RING_SLOTS, 0, setting);
    /// GstCuframesSink:max-slots:
    ///
    /// The most frames that a ring with slots=0 may grow to: 3 to 128. Memory is taken when it is needed.
    ///
    /// Since: 0.1
    properties[PROP_MAX_SLOTS] =
        g_param_spec_uint("max-slots", "Max slots", "The most frames that a ring with slots=0 may grow to",
                          CUFRAMES_MIN_RING_SLOTS, CUFRAMES_MAX_RING_SLOTS, CUFRAMES_DEFAULT_MAX_SLOTS, setting);
    /// GstCuframesSink:policy:
    ///
    /// What a strict reader that lags by the whole ring does to this pipeline.
    ///
    /// Since: 0.1
    properties[PROP_POLICY] =
        g_param_spec_enum("policy", "Policy", "What a lagging strict reader does to this pipeline",
                          GST_TYPE_CUFRAMES_POLICY, GST_CUFRAMES_POLICY_DROP, setting);
    /// GstCuframesSink:wait-timeout:
    ///
    /// With policy=wait: how long strict readers are waited for, before the slow ones lose frames.
    ///
    /// Since: 0.1
    properties[PROP_WAIT_TIMEOUT] =
        g_param_spec_uint("wait-timeout", "Wait timeout",
                          "With policy=wait: milliseconds until a strict reader that does not keep up loses frames", 1,
                          G_MAXUINT, CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS, setting);
    /// GstCuframesSink:memory:
    ///
    /// Where the ring lives. With auto it is where the frames come from. Frames are uploaded or downloaded once when they
    /// come from elsewhere.
    ///
    /// Since: 0.1
    properties[PROP_MEMORY] =
        g_param_spec_enum("memory", "Memory", "Where the ring lives; auto: where the frames come from",
                          GST_TYPE_CUFRAMES_MEMORY, GST_CUFRAMES_MEMORY_AUTO, setting);
    /// GstCuframesSink:cuda-device-id:
    ///
    /// With memory=cuda and frames from host memory, the GPU to put them on (-1: the first one). With frames that are on
    /// a GPU already, a check that it is this one (-1: any).
    ///
    /// Since: 0.1
    properties[PROP_CUDA_DEVICE_ID] =
        g_param_spec_int("cuda-device-id", "CUDA device ID",
                         "GPU for frames that arrive in system memory, or check for those that do not (-1: any)", -1,
                         G_MAXINT, -1, setting);
}

void make_reader_properties() {
    /// GstCuframesSink:wait-for-subscribers:
    ///
    /// Hold the first frame until so many readers have attached, so that strict ones get every frame from the first on. The
    /// pipeline does not play before, and its clock does not run; a live source's frames are left out meanwhile.
    ///
    /// Since: 0.1
    properties[PROP_WAIT_FOR_SUBSCRIBERS] =
        g_param_spec_uint("wait-for-subscribers", "Wait for subscribers",
                          "Hold the first frame until so many readers have attached", 0, 256, 0, setting);
    /// GstCuframesSink:access:
    ///
    /// Who may attach: user (the same user, and root), group:NAME, or all.
    ///
    /// Since: 0.1
    properties[PROP_ACCESS] =
        g_param_spec_string("access", "Access", "Who may attach: user, group:NAME or all", "user", setting);
    /// GstCuframesSink:max-subscribers:
    ///
    /// Readers that may be attached at once.
    ///
    /// Since: 0.1
    properties[PROP_MAX_SUBSCRIBERS] =
        g_param_spec_uint("max-subscribers", "Max subscribers", "Readers that may be attached at once", 1, 256,
                          CUFRAMES_DEFAULT_MAX_SUBSCRIBERS, setting);
    /// GstCuframesSink:num-subscribers:
    ///
    /// Readers that are attached now. Changes are notified, never from a thread that carries frames.
    ///
    /// Since: 0.1
    properties[PROP_NUM_SUBSCRIBERS] = g_param_spec_uint("num-subscribers", "Number of subscribers",
                                                         "Readers that are attached now", 0, G_MAXUINT, 0, reading);
}

void make_general_properties() {
    /// GstCuframesSink:key:
    ///
    /// Name of the ring, by which readers find it: 1 to 64 characters out of A-Z a-z 0-9 . _ and -. Required. Only one
    /// publisher can have a key at a time.
    ///
    /// Since: 0.1
    properties[PROP_KEY] = g_param_spec_string(
        "key", "Key", "Name of the ring, by which readers find it (required; letters, digits, '.', '_', '-')", nullptr,
        setting);
    /// GstCuframesSink:directory:
    ///
    /// Where the sockets of rings are. By default $CUFRAMES_DIR, else $XDG_RUNTIME_DIR/cuframes, else /run/cuframes if
    /// that can be used, else /tmp/cuframes-UID. Share this directory, and nothing else, between containers.
    ///
    /// Since: 0.1
    properties[PROP_DIRECTORY] = g_param_spec_string(
        "directory", "Directory",
        "Where the sockets are (NULL: $CUFRAMES_DIR, $XDG_RUNTIME_DIR/cuframes, /run/cuframes or /tmp/cuframes-UID)",
        nullptr, environment_dependent);
    /// GstCuframesSink:epoch:
    ///
    /// Identifies the ring's current generation, which ends with new caps; 0 before the first.
    ///
    /// Since: 0.1
    properties[PROP_EPOCH] = g_param_spec_uint64(
        "epoch", "Epoch", "Identifies the ring's current generation (0: none yet)", 0, G_MAXUINT64, 0, reading);
    /// GstCuframesSink:stats:
    ///
    /// A structure with the uint64 fields epoch, last-sequence, published, dropped, copied, lapped, bytes, waited
    /// (nanoseconds), metas-not-serialized, metadata-too-large, slots (frames that the ring keeps now) and memory (bytes of
    /// frame memory it has), and an array subscribers of structures with name, pid,
    /// mode, max-held, held, lag, received, skipped and lost. After a stop they are those of the end.
    ///
    /// Since: 0.1
    properties[PROP_STATS] = g_param_spec_boxed("stats", "Statistics", "Counters of the ring and of each reader",
                                                GST_TYPE_STRUCTURE, reading);
}

void make_signals(GType type) {
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

} // namespace

void install_sink_properties(GObjectClass* klass) {
    klass->set_property = set_property;
    klass->get_property = get_property;
    make_general_properties();
    make_ring_properties();
    make_reader_properties();
    g_object_class_install_properties(klass, PROP_LAST, properties);
    make_signals(G_OBJECT_CLASS_TYPE(klass));
}

void deliver_subscriber_event(GstElement* sink, const SubscriberEvents::Event& event) {
    if (event.left) {
        g_signal_emit(sink, signals[SIGNAL_SUBSCRIBER_REMOVED], 0, event.name.c_str(), event.pid,
                      leave_reason_name(*event.left));
    } else {
        g_signal_emit(sink, signals[SIGNAL_SUBSCRIBER_ADDED], 0, event.name.c_str(), event.pid);
    }
    g_object_notify_by_pspec(G_OBJECT(sink), properties[PROP_NUM_SUBSCRIBERS]);
    GST_CUFRAMES_SINK(sink)->state->subscribers_changed();
}

} // namespace cuframes::gst
