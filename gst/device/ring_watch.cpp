// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device/ring_watch.h"

namespace cuframes::gst {

namespace {

constexpr guint usually = 1000, soon = 50; // ms

} // namespace

RingWatch::RingWatch(Look look)
    : look_(std::move(look)), context_(g_main_context_new()), loop_(g_main_loop_new(context_, FALSE)) {
    thread_ = std::thread([this] { run(); });
}

RingWatch::~RingWatch() {
    // By its own thread, as a loop that does not run yet cannot be quit.
    g_main_context_invoke(
        context_,
        [](gpointer loop) {
            g_main_loop_quit(static_cast<GMainLoop*>(loop));
            return G_SOURCE_REMOVE;
        },
        loop_);
    thread_.join();
    g_main_loop_unref(loop_);
    g_main_context_unref(context_);
}

void RingWatch::run() {
    g_main_context_push_thread_default(context_);
    look_after(0);
    g_main_loop_run(loop_);
    for (auto& [directory, monitor] : monitors_) {
        g_clear_object(&monitor);
    }
    g_source_destroy(next_);
    g_source_unref(next_);
    g_main_context_pop_thread_default(context_);
}

void RingWatch::add(const std::string& directory) {
    const auto [entry, is_new] = monitors_.try_emplace(directory, nullptr);
    if (!is_new) {
        return;
    }
    GFile* file = g_file_new_for_path(directory.c_str());
    entry->second = g_file_monitor_directory(file, G_FILE_MONITOR_WATCH_MOVES, nullptr, nullptr);
    g_object_unref(file);
    if (entry->second) {
        g_signal_connect(entry->second, "changed", G_CALLBACK(on_change), this);
    }
}

void RingWatch::look() { look_after(look_(*this) ? soon : usually); }

void RingWatch::look_after(guint milliseconds) {
    if (next_) {
        g_source_destroy(next_);
        g_source_unref(next_);
    }
    next_ = g_timeout_source_new(milliseconds);
    g_source_set_callback(next_, on_time, this, nullptr);
    g_source_attach(next_, context_);
}

gboolean RingWatch::on_time(gpointer self) {
    static_cast<RingWatch*>(self)->look();
    return G_SOURCE_REMOVE;
}

/// Many come at once, of a key's lock and of its socket under a name that it does not keep.
void RingWatch::on_change(GFileMonitor*, GFile*, GFile*, GFileMonitorEvent, gpointer self) {
    static_cast<RingWatch*>(self)->look_after(0);
}

} // namespace cuframes::gst
