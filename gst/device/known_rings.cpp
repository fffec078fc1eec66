// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device/known_rings.h"

#include "device/ring_device.h"

#include <limits.h>

#include <memory>
#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_device_debug);
#define GST_CAT_DEFAULT gst_cuframes_device_debug

namespace cuframes::gst {

namespace {

constexpr int64_t patience = 300; // ms, with publishers that are stopped

using Inspection = std::unique_ptr<cuframes_inspection, decltype(&cuframes_inspection_free)>;

/// NULL: it cannot be looked for any.
Inspection inspect_all() {
    cuframes_inspection* made = nullptr;
    if (cuframes_list(nullptr, patience, &made) != CUFRAMES_OK) {
        GST_WARNING("no devices can be listed: %s", cuframes_last_error_message());
    }
    return Inspection(made, cuframes_inspection_free);
}

} // namespace

GList* devices_now() {
    GList* out = nullptr;
    const Inspection found = inspect_all();
    for (size_t i = 0; found && i < cuframes_inspection_size(found.get()); ++i) {
        if (GstDevice* device = make_device(*cuframes_inspection_get(found.get(), i))) {
            out = g_list_prepend(out, device);
        }
    }
    return g_list_reverse(out);
}

KnownRings::KnownRings(GstDeviceProvider* provider) : provider_(provider) {
    char usual[PATH_MAX];
    if (cuframes_default_directory(usual, sizeof(usual)) == CUFRAMES_OK) {
        directories_.insert(usual);
    }
}

KnownRings::~KnownRings() {
    for (auto& [key, device] : devices_) {
        gst_object_unref(device);
    }
}

bool KnownRings::look() {
    const Inspection found = inspect_all();
    if (!found) {
        return false;
    }
    GST_LOG_OBJECT(provider_, "%" G_GSIZE_FORMAT " keys", cuframes_inspection_size(found.get()));
    bool soon = false;
    std::set<std::string> present;
    for (size_t i = 0; i < cuframes_inspection_size(found.get()); ++i) {
        const cuframes_ring_info& ring = *cuframes_inspection_get(found.get(), i);
        gchar* directory = g_path_get_dirname(ring.path);
        directories_.insert(directory);
        g_free(directory);
        if (ring.stats) {
            take(ring);
            soon = soon || devices_.count(ring.key) == 0;
        }
        // One that is stopped has not gone.
        if (ring.stats || ring.state == CUFRAMES_RING_SILENT) {
            present.insert(ring.key);
        }
    }
    remove_all_but(present);
    return soon;
}

void KnownRings::take(const cuframes_ring_info& ring) {
    const auto known = devices_.find(ring.key);
    if (known != devices_.end() && is_device_of(known->second, ring)) {
        return;
    }
    GstDevice* device = make_device(ring);
    if (!device) {
        return; // Until a publisher that came again has said what it shares, its device is that of the one before.
    }
    gst_object_ref_sink(device);
    GST_INFO_OBJECT(provider_, "\"%s\" %s", ring.key, known == devices_.end() ? "came" : "is another one now");
    if (known == devices_.end()) {
        devices_.emplace(ring.key, device);
        gst_device_provider_device_add(provider_, device);
    } else {
        GstDevice* old = std::exchange(known->second, device);
        gst_device_provider_device_changed(provider_, device, old);
        gst_object_unref(old);
    }
}

void KnownRings::remove_all_but(const std::set<std::string>& keys) {
    for (auto entry = devices_.begin(); entry != devices_.end();) {
        if (keys.count(entry->first) > 0) {
            ++entry;
            continue;
        }
        GST_INFO_OBJECT(provider_, "\"%s\" went", entry->first.c_str());
        gst_device_provider_device_remove(provider_, entry->second);
        gst_object_unref(entry->second);
        entry = devices_.erase(entry);
    }
}

} // namespace cuframes::gst
