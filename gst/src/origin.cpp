// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/origin.h"

#include <algorithm>
#include <chrono>

namespace cuframes::gst {
namespace {

/// A source whose publisher is there has its first packet long before that; one whose publisher is not may wait for ever.
constexpr std::chrono::seconds patience(1);

GQuark origin_quark() {
    static const GQuark quark = g_quark_from_static_string("cuframes-origin");
    return quark;
}

/// A reference.
GstObject* topmost(GstElement* element) {
    auto* top = GST_OBJECT(gst_object_ref(element));
    while (GstObject* parent = gst_object_get_parent(top)) {
        gst_object_unref(top);
        top = parent;
    }
    return top;
}

} // namespace

std::shared_ptr<Origin> Origin::of(GstElement* element) {
    // It lies with the bin, so that it is another one's when that is gone, and lives as long as sources do that share it.
    static std::mutex finding;
    using Known = std::weak_ptr<Origin>;
    const std::lock_guard lock(finding);
    GstObject* top = topmost(element);
    auto* known = static_cast<Known*>(g_object_get_qdata(G_OBJECT(top), origin_quark()));
    if (!known) {
        known = new Known;
        g_object_set_qdata_full(G_OBJECT(top), origin_quark(), known,
                                [](gpointer data) { delete static_cast<Known*>(data); });
    }
    std::shared_ptr<Origin> origin = known->lock();
    if (!origin) {
        origin = std::make_shared<Origin>();
        *known = origin;
    }
    gst_object_unref(top);
    return origin;
}

void Origin::expect() {
    const std::lock_guard lock(mutex_);
    ++silent_;
}

void Origin::expect_no_more() {
    const std::lock_guard lock(mutex_);
    --silent_;
    changed_.notify_all();
}

void Origin::propose(GstClockTime first) {
    const std::lock_guard lock(mutex_);
    if (!agreed_) {
        earliest_ = std::min(earliest_, first);
    }
    --silent_;
    changed_.notify_all();
}

GstClockTime Origin::agreed(const std::atomic<bool>& interrupted) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return agreed_ || silent_ == 0 || interrupted; });
    if (interrupted && !agreed_) {
        return GST_CLOCK_TIME_NONE;
    }
    agreed_ = true;
    changed_.notify_all();
    return earliest_;
}

void Origin::wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
}

} // namespace cuframes::gst
