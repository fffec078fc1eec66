// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device/ring_device.h"

#include "shared/ring_caps.h"

#include <cstring>

using cuframes::gst::ring_caps;
using cuframes::gst::set_memory_feature;

struct _GstCuframesDevice {
    GstDevice parent;

    gchar* key;
};

G_DEFINE_FINAL_TYPE(GstCuframesDevice, gst_cuframes_device, GST_TYPE_DEVICE)

/// Its key is the element's, and its class that of the caps: whoever looks for cameras finds pictures, encoded or not.
static const gchar* class_of(const GstCaps* caps) {
    const gchar* name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    if (g_str_has_prefix(name, "video/") || g_str_has_prefix(name, "image/")) {
        return "Video/Source";
    }
    return g_str_has_prefix(name, "audio/") ? "Audio/Source" : "Source/Metadata";
}

/// As the source will have them.
static GstCaps* caps_of(const cuframes_ring_info& ring) {
    if (!ring.geometry) {
        return ring.caps[0] ? gst_caps_from_string(ring.caps) : nullptr;
    }
    GstCaps* caps = ring_caps(ring.caps, *ring.geometry);
    if (caps) {
        set_memory_feature(caps, ring.memory == CUFRAMES_MEMORY_CUDA);
    }
    return caps;
}

static GstElement* gst_cuframes_device_create_element(GstDevice* device, const gchar* name) {
    GstElement* element = gst_element_factory_make("cuframessrc", name);
    if (element) {
        g_object_set(element, "key", GST_CUFRAMES_DEVICE(device)->key, nullptr);
    }
    return element;
}

static gboolean gst_cuframes_device_reconfigure_element(GstDevice* device, GstElement* element) {
    GstElementFactory* factory = gst_element_get_factory(element);
    if (!factory || std::strcmp(GST_OBJECT_NAME(factory), "cuframessrc") != 0) {
        return FALSE;
    }
    g_object_set(element, "key", GST_CUFRAMES_DEVICE(device)->key, nullptr);
    return TRUE;
}

static void gst_cuframes_device_finalize(GObject* object) {
    g_free(GST_CUFRAMES_DEVICE(object)->key);
    G_OBJECT_CLASS(gst_cuframes_device_parent_class)->finalize(object);
}

static void gst_cuframes_device_init(GstCuframesDevice*) {}

static void gst_cuframes_device_class_init(GstCuframesDeviceClass* klass) {
    G_OBJECT_CLASS(klass)->finalize = gst_cuframes_device_finalize;
    GST_DEVICE_CLASS(klass)->create_element = gst_cuframes_device_create_element;
    GST_DEVICE_CLASS(klass)->reconfigure_element = gst_cuframes_device_reconfigure_element;
}

namespace cuframes::gst {

GstDevice* make_device(const cuframes_ring_info& ring) {
    GstCaps* caps = ring.stats ? caps_of(ring) : nullptr;
    if (!caps || gst_caps_get_size(caps) == 0) {
        gst_clear_caps(&caps);
        return nullptr;
    }
    GstStructure* properties = gst_structure_new(
        "cuframes-proplist", "device.api", G_TYPE_STRING, "cuframes", "cuframes.key", G_TYPE_STRING, ring.key,
        "cuframes.path", G_TYPE_STRING, ring.path, "cuframes.content", G_TYPE_STRING,
        ring.geometry ? "frames" : "packets", "application.name", G_TYPE_STRING, ring.program, nullptr);
    auto* device = static_cast<GstCuframesDevice*>(g_object_new(GST_TYPE_CUFRAMES_DEVICE, "display-name", ring.key,
                                                                "caps", caps, "device-class", class_of(caps),
                                                                "properties", properties, nullptr));
    device->key = g_strdup(ring.key);
    gst_structure_free(properties);
    gst_caps_unref(caps);
    return GST_DEVICE(device);
}

bool is_device_of(GstDevice* device, const cuframes_ring_info& ring) {
    GstCaps* now = caps_of(ring);
    GstCaps* then = gst_device_get_caps(device);
    const bool same = now && gst_caps_is_equal(now, then);
    gst_clear_caps(&now);
    gst_clear_caps(&then);
    return same;
}

} // namespace cuframes::gst
