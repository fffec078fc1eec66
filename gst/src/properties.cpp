// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of cuframessrc.
#include "shared/settings.h"
#include "src/state.h"

namespace cuframes::gst {
namespace {

enum Property {
    PROP_0,
    PROP_KEY,
    PROP_DIRECTORY,
    PROP_MODE,
    PROP_MAX_HELD,
    PROP_MEMORY,
    PROP_CUDA_DEVICE_ID,
    PROP_CONNECT_TIMEOUT,
    PROP_ON_GONE,
    PROP_ON_EOS,
    PROP_ON_EXHAUSTED,
    PROP_NAME_TAG,
    PROP_STATS,
    PROP_LAST,
};

GParamSpec* properties[PROP_LAST];

std::string text_of(const GValue* value) {
    const gchar* text = g_value_get_string(value);
    return text ? text : "";
}

void set_text(GValue* value, const std::string& text) {
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

SrcState& state_of(GObject* object) { return *GST_CUFRAMES_SRC(object)->state; }

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
    SrcSettings& settings = state_of(object).settings();
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
    case PROP_MODE:
        settings.mode = static_cast<GstCuframesMode>(g_value_get_enum(value));
        break;
    case PROP_MAX_HELD:
        settings.max_held = g_value_get_uint(value);
        break;
    case PROP_MEMORY:
        settings.memory = static_cast<GstCuframesMemory>(g_value_get_enum(value));
        break;
    case PROP_CUDA_DEVICE_ID:
        settings.cuda_device = g_value_get_int(value);
        break;
    case PROP_CONNECT_TIMEOUT:
        settings.connect_timeout = g_value_get_uint(value);
        break;
    case PROP_ON_GONE:
        settings.on_gone = static_cast<GstCuframesOnGone>(g_value_get_enum(value));
        break;
    case PROP_ON_EOS:
        settings.on_eos = static_cast<GstCuframesOnEos>(g_value_get_enum(value));
        break;
    case PROP_ON_EXHAUSTED:
        settings.on_exhausted = static_cast<GstCuframesOnExhausted>(g_value_get_enum(value));
        break;
    case PROP_NAME_TAG:
        settings.name_tag = text_of(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
    GST_OBJECT_UNLOCK(object);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
    const SrcState& state = state_of(object);
    const SrcSettings settings = state.copy_settings();
    switch (id) {
    case PROP_KEY:
        set_text(value, settings.key);
        break;
    case PROP_DIRECTORY:
        set_text(value, settings.directory);
        break;
    case PROP_MODE:
        g_value_set_enum(value, settings.mode);
        break;
    case PROP_MAX_HELD:
        g_value_set_uint(value, settings.max_held);
        break;
    case PROP_MEMORY:
        g_value_set_enum(value, settings.memory);
        break;
    case PROP_CUDA_DEVICE_ID:
        g_value_set_int(value, settings.cuda_device);
        break;
    case PROP_CONNECT_TIMEOUT:
        g_value_set_uint(value, settings.connect_timeout);
        break;
    case PROP_ON_GONE:
        g_value_set_enum(value, settings.on_gone);
        break;
    case PROP_ON_EOS:
        g_value_set_enum(value, settings.on_eos);
        break;
    case PROP_ON_EXHAUSTED:
        g_value_set_enum(value, settings.on_exhausted);
        break;
    case PROP_NAME_TAG:
        set_text(value, settings.name_tag);
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

void make_general_properties() {
    /// GstCuframesSrc:key:
    ///
    /// Name of the ring, as the publisher calls it. Required.
    ///
    /// Since: 0.1
    properties[PROP_KEY] =
        g_param_spec_string("key", "Key", "Name of the ring, as the publisher calls it (required)", nullptr, setting);
    /// GstCuframesSrc:directory:
    ///
    /// Where the sockets of rings are, as on cuframessink. It need not exist yet.
    ///
    /// Since: 0.1
    properties[PROP_DIRECTORY] = g_param_spec_string(
        "directory", "Directory",
        "Where the sockets are (NULL: $CUFRAMES_DIR, $XDG_RUNTIME_DIR/cuframes, /run/cuframes or /tmp/cuframes-UID)",
        nullptr, environment_dependent);
    /// GstCuframesSrc:name-tag:
    ///
    /// How this reader is called in the publisher's statistics and signals.
    ///
    /// Since: 0.1
    properties[PROP_NAME_TAG] =
        g_param_spec_string("name-tag", "Name tag", "Name shown to the publisher (NULL: the program's name)", nullptr,
                            environment_dependent);
    /// GstCuframesSrc:stats:
    ///
    /// A structure with the fields state, epoch, last-sequence, received, skipped, lost, early (frames received that were
    /// captured before this pipeline ran, and left out), reconnects, copied (frames that were copied out of the ring here),
    /// held, max-held (frames that may be held now) and publisher-pid. After a stop they are those of the end.
    ///
    /// Since: 0.1
    properties[PROP_STATS] =
        g_param_spec_boxed("stats", "Statistics", "Counters of this reader", GST_TYPE_STRUCTURE, reading);
}

void make_delivery_properties() {
    /// GstCuframesSrc:mode:
    ///
    /// Which frames are delivered.
    ///
    /// Since: 0.1
    properties[PROP_MODE] = g_param_spec_enum("mode", "Mode", "Which frames are delivered", GST_TYPE_CUFRAMES_MODE,
                                              GST_CUFRAMES_MODE_NEWEST, setting);
    /// GstCuframesSrc:max-held:
    ///
    /// Frames of the ring that everything downstream of this reader may hold at once. By default it is as many as they
    /// hold: the reader begins with a few and asks the publisher for more. What is beyond, or beyond what the ring can
    /// spare, is copied, see #GstCuframesSrc:on-exhausted.
    ///
    /// Since: 0.1
    properties[PROP_MAX_HELD] = g_param_spec_uint(
        "max-held", "Max held", "Frames of the ring that may be held at once (0: as many as it takes)", 0,
        CUFRAMES_MAX_HELD, 0, setting);
    /// GstCuframesSrc:on-exhausted:
    ///
    /// What to do when all the frames that may be held are, and another is there. Copies are counted as `copied` in
    /// #GstCuframesSrc:stats.
    ///
    /// Since: 0.1
    properties[PROP_ON_EXHAUSTED] =
        g_param_spec_enum("on-exhausted", "On exhausted", "What to do when max-held frames are held downstream",
                          GST_TYPE_CUFRAMES_ON_EXHAUSTED, GST_CUFRAMES_ON_EXHAUSTED_COPY, setting);
    /// GstCuframesSrc:memory:
    ///
    /// Where frames are delivered. With auto they stay where the ring is; with system they are downloaded if that is a
    /// GPU; with cuda a ring in host memory is an error.
    ///
    /// Since: 0.1
    properties[PROP_MEMORY] =
        g_param_spec_enum("memory", "Memory", "Where frames are delivered; auto: as the ring, system: downloaded here",
                          GST_TYPE_CUFRAMES_MEMORY, GST_CUFRAMES_MEMORY_AUTO, setting);
    /// GstCuframesSrc:cuda-device-id:
    ///
    /// GPU to read frames on, if it is to be another than the one they are on (-1: that one).
    ///
    /// Since: 0.1
    properties[PROP_CUDA_DEVICE_ID] =
        g_param_spec_int("cuda-device-id", "CUDA device ID", "GPU to read frames on (-1: the one they are on)", -1,
                         G_MAXINT, -1, setting);
    /// GstCuframesSrc:connect-timeout:
    ///
    /// How long to wait for the first publisher, in milliseconds, before that is an error.
    ///
    /// Since: 0.1
    properties[PROP_CONNECT_TIMEOUT] =
        g_param_spec_uint("connect-timeout", "Connect timeout",
                          "Milliseconds to wait for a publisher at start (0: for ever)", 0, G_MAXUINT, 0, setting);
    /// GstCuframesSrc:on-gone:
    ///
    /// What to do when the publisher goes without having ended its stream.
    ///
    /// Since: 0.1
    properties[PROP_ON_GONE] = g_param_spec_enum("on-gone", "On gone", "What to do when the publisher goes without EOS",
                                                 GST_TYPE_CUFRAMES_ON_GONE, GST_CUFRAMES_ON_GONE_WAIT, setting);
    /// GstCuframesSrc:on-eos:
    ///
    /// What to do when the publisher ends its stream. With wait a publisher that is restarted politely is the same to this
    /// reader as one that is killed.
    ///
    /// Since: 0.1
    properties[PROP_ON_EOS] = g_param_spec_enum("on-eos", "On EOS", "What to do when the publisher ends its stream",
                                                GST_TYPE_CUFRAMES_ON_EOS, GST_CUFRAMES_ON_EOS_EOS, setting);
}

} // namespace

void install_src_properties(GObjectClass* klass) {
    klass->set_property = set_property;
    klass->get_property = get_property;
    make_general_properties();
    make_delivery_properties();
    g_object_class_install_properties(klass, PROP_LAST, properties);
}

} // namespace cuframes::gst
