// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/rtsp_keys.h"

#include "media/codecs.h"
#include "media/failure.h"
#include "media/pipeline.h"
#include "media/pressed_past.h"
#include "media/ring.h"
#include "media/shared_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace {

using namespace cuframes::tools;

// ----------------------------------------------------------------------------------------------- what a key becomes

struct KeyFactory {
    GstRTSPMediaFactory parent;
    Ring* ring;
};
struct KeyFactoryClass {
    GstRTSPMediaFactoryClass parent;
};
G_DEFINE_TYPE(KeyFactory, key_factory, GST_TYPE_RTSP_MEDIA_FACTORY)

void build(GstBin* bin, const Ring& ring) {
    const CapsRef caps = ring.parsed_caps();
    GstElement* source = make_source(ring, "serve");
    gst_bin_add(bin, source);
    gst_util_set_object_arg(G_OBJECT(source), "start", "keyframe");
    gst_util_set_object_arg(G_OBJECT(source), "join", "record");
    press_past(PadRef(gst_element_get_static_pad(source, "src")).get(), past_since_keyframe(ring));
    GstElement* parser = append(bin, source, make_parser(caps.get()));
    GstElement* payloader = make_payloader(caps.get());
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(payloader), "config-interval")) {
        g_object_set(payloader, "config-interval", -1, nullptr);
    }
    // By which the server finds it; of what is in a bin the name stays as it is.
    gst_object_set_name(GST_OBJECT(payloader), "pay0");
    append(bin, parser, payloader);
}

/// Of frames the bin holds their encoder, which others may hold as well.
void build_any(GstElement* bin, const Ring& ring) {
    if (ring.has_packets) {
        build(GST_BIN(bin), ring);
        return;
    }
    auto* encoder = new std::shared_ptr<SharedEncoder>(SharedEncoder::of(ring));
    g_object_set_data_full(G_OBJECT(bin), "encoder", encoder,
                           [](gpointer held) { delete static_cast<std::shared_ptr<SharedEncoder>*>(held); });
    build(GST_BIN(bin), (*encoder)->packets());
}

GstElement* create_element(GstRTSPMediaFactory* factory, const GstRTSPUrl*) {
    const Ring& ring = *reinterpret_cast<KeyFactory*>(factory)->ring;
    GstElement* bin = gst_bin_new(nullptr);
    try {
        build_any(bin, ring);
        return bin;
    } catch (const Failure& failure) {
        fmt::print(stderr, "cuframes serve: {}: {}\n", ring.key, failure.what());
        gst_object_unref(gst_object_ref_sink(bin));
        return nullptr;
    }
}

/// Nothing waits for its time: it is sent when it is there, the packets since the keyframe among it.
void do_not_wait(GstBin*, GstBin*, GstElement* element, gpointer) {
    if (GST_OBJECT_FLAG_IS_SET(element, GST_ELEMENT_FLAG_SINK) &&
        g_object_class_find_property(G_OBJECT_GET_CLASS(element), "sync")) {
        g_object_set(element, "sync", FALSE, nullptr);
    }
}

GstElement* create_pipeline(GstRTSPMediaFactory* factory, GstRTSPMedia* media) {
    GstElement* pipeline = GST_RTSP_MEDIA_FACTORY_CLASS(key_factory_parent_class)->create_pipeline(factory, media);
    g_signal_connect(pipeline, "deep-element-added", G_CALLBACK(do_not_wait), nullptr);
    return pipeline;
}

void finalize_factory(GObject* object) {
    delete reinterpret_cast<KeyFactory*>(object)->ring;
    G_OBJECT_CLASS(key_factory_parent_class)->finalize(object);
}

void key_factory_init(KeyFactory*) {}

void key_factory_class_init(KeyFactoryClass* type) {
    G_OBJECT_CLASS(type)->finalize = finalize_factory;
    GST_RTSP_MEDIA_FACTORY_CLASS(type)->create_element = create_element;
    GST_RTSP_MEDIA_FACTORY_CLASS(type)->create_pipeline = create_pipeline;
}

GstRTSPMediaFactory* make_factory(const Ring& ring) {
    auto* made = static_cast<KeyFactory*>(g_object_new(key_factory_get_type(), nullptr));
    made->ring = new Ring(ring);
    // Each client gets a stream of its own, from its first packet on: in one that is shared it may begin within a keyframe.
    gst_rtsp_media_factory_set_shared(&made->parent, FALSE);
    return &made->parent;
}

// ----------------------------------------------------------------------------------------------- which keys are there

struct KeyMounts {
    GstRTSPMountPoints parent;
    std::string* directory;
    std::vector<std::string>* keys;
    GHashTable* mounted; ///< Caps by key.
};
struct KeyMountsClass {
    GstRTSPMountPointsClass parent;
};
G_DEFINE_TYPE(KeyMounts, key_mounts, GST_TYPE_RTSP_MOUNT_POINTS)

bool may_serve(const KeyMounts* mounts, const std::string& key) {
    return mounts->keys->empty() || std::find(mounts->keys->begin(), mounts->keys->end(), key) != mounts->keys->end();
}

/// Each time somebody asks for it, on the thread that all clients have in common: it may be gone by now, or carry something
/// else.
void mount(KeyMounts* mounts, const std::string& key) {
    const std::string path = "/" + key;
    const auto ring = may_serve(mounts, key) ? find_ring(key, *mounts->directory) : std::nullopt;
    const auto* before = static_cast<const char*>(g_hash_table_lookup(mounts->mounted, key.c_str()));
    if (before && (!ring || ring->caps != before)) {
        gst_rtsp_mount_points_remove_factory(&mounts->parent, path.c_str());
        g_hash_table_remove(mounts->mounted, key.c_str());
        before = nullptr;
    }
    if (ring && !before) {
        gst_rtsp_mount_points_add_factory(&mounts->parent, path.c_str(), make_factory(*ring));
        g_hash_table_insert(mounts->mounted, g_strdup(key.c_str()), g_strdup(ring->caps.c_str()));
    }
}

gchar* make_path(GstRTSPMountPoints* points, const GstRTSPUrl* url) {
    const std::string path = url->abspath ? url->abspath : "";
    // Behind a second slash is the name of a stream.
    const std::string key = path.empty() ? "" : path.substr(1, path.find('/', 1) - 1);
    if (!key.empty()) {
        mount(reinterpret_cast<KeyMounts*>(points), key);
    }
    return GST_RTSP_MOUNT_POINTS_CLASS(key_mounts_parent_class)->make_path(points, url);
}

void finalize_mounts(GObject* object) {
    auto* mounts = reinterpret_cast<KeyMounts*>(object);
    delete mounts->directory;
    delete mounts->keys;
    g_hash_table_unref(mounts->mounted);
    G_OBJECT_CLASS(key_mounts_parent_class)->finalize(object);
}

void key_mounts_init(KeyMounts* mounts) {
    mounts->directory = new std::string;
    mounts->keys = new std::vector<std::string>;
    mounts->mounted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void key_mounts_class_init(KeyMountsClass* type) {
    G_OBJECT_CLASS(type)->finalize = finalize_mounts;
    GST_RTSP_MOUNT_POINTS_CLASS(type)->make_path = make_path;
}

} // namespace

namespace cuframes::tools {

GstRTSPMountPoints* make_key_mounts(const std::string& directory, const std::vector<std::string>& keys) {
    auto* mounts = static_cast<KeyMounts*>(g_object_new(key_mounts_get_type(), nullptr));
    *mounts->directory = directory;
    *mounts->keys = keys;
    return &mounts->parent;
}

} // namespace cuframes::tools
