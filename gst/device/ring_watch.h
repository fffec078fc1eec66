// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gio/gio.h>

#include <functional>
#include <map>
#include <string>
#include <thread>

namespace cuframes::gst {

/// Looks for keys again and again, from a thread of its own: as soon as something changes in a directory of sockets, and
/// every second, as a publisher that was killed changes nothing there.
class RingWatch {
public:
    /// What to do each time. True: somebody is about to say what it shares, so that it is worth while to look soon again.
    using Look = std::function<bool(RingWatch&)>;

    explicit RingWatch(Look look);
    RingWatch(const RingWatch&) = delete;
    RingWatch& operator=(const RingWatch&) = delete;
    /// No look is under way afterwards.
    ~RingWatch();

    /// Events of that directory count from now on. To be called by `look` alone.
    void add(const std::string& directory);

private:
    void run();
    void look();
    void look_after(guint milliseconds);
    static gboolean on_time(gpointer self);
    static void on_change(GFileMonitor* monitor, GFile* file, GFile* other, GFileMonitorEvent event, gpointer self);

    Look look_;
    GMainContext* context_;
    GMainLoop* loop_;
    GSource* next_ = nullptr;
    std::map<std::string, GFileMonitor*> monitors_; ///< NULL: there is none to be had.
    std::thread thread_;
};

} // namespace cuframes::gst
