// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device/device_provider.h"

#include "device/known_rings.h"
#include "device/ring_watch.h"

#include <utility>

GST_DEBUG_CATEGORY(gst_cuframes_device_debug);
#define GST_CAT_DEFAULT gst_cuframes_device_debug

using cuframes::gst::KnownRings;
using cuframes::gst::RingWatch;

struct _GstCuframesDeviceProvider {
    GstDeviceProvider parent;

    KnownRings* rings; ///< NULL: it is not started, as is `watch`.
    RingWatch* watch;
};

G_DEFINE_FINAL_TYPE(GstCuframesDeviceProvider, gst_cuframes_device_provider, GST_TYPE_DEVICE_PROVIDER)
GST_DEVICE_PROVIDER_REGISTER_DEFINE(cuframesdeviceprovider, "cuframesdeviceprovider", GST_RANK_PRIMARY,
                                    GST_TYPE_CUFRAMES_DEVICE_PROVIDER)

static GList* gst_cuframes_device_provider_probe(GstDeviceProvider*) { return cuframes::gst::devices_now(); }

static gboolean gst_cuframes_device_provider_start(GstDeviceProvider* base) {
    auto* self = GST_CUFRAMES_DEVICE_PROVIDER(base);
    self->rings = new KnownRings(base);
    self->rings->look(); // Who has started it may ask at once.
    self->watch = new RingWatch([rings = self->rings](RingWatch& watch) {
        const bool soon = rings->look();
        for (const std::string& directory : rings->directories()) {
            watch.add(directory);
        }
        return soon;
    });
    return TRUE;
}

static void gst_cuframes_device_provider_stop(GstDeviceProvider* base) {
    auto* self = GST_CUFRAMES_DEVICE_PROVIDER(base);
    delete std::exchange(self->watch, nullptr);
    delete std::exchange(self->rings, nullptr);
}

static void gst_cuframes_device_provider_init(GstCuframesDeviceProvider*) {}

static void gst_cuframes_device_provider_class_init(GstCuframesDeviceProviderClass* klass) {
    GST_DEBUG_CATEGORY_INIT(gst_cuframes_device_debug, "cuframesdevice", 0, "cuframes devices");
    GstDeviceProviderClass* provider_class = GST_DEVICE_PROVIDER_CLASS(klass);
    provider_class->probe = GST_DEBUG_FUNCPTR(gst_cuframes_device_provider_probe);
    provider_class->start = GST_DEBUG_FUNCPTR(gst_cuframes_device_provider_start);
    provider_class->stop = GST_DEBUG_FUNCPTR(gst_cuframes_device_provider_stop);
    gst_device_provider_class_set_static_metadata(provider_class, "Shared frames device provider", "Source/Video/Audio",
                                                  "Lists what is shared on this host, as it comes and goes",
                                                  "The cuframes authors");
}
