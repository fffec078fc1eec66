// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <glib.h>

#include <chrono>
#include <functional>

namespace cuframes::tools {

using Seconds = std::chrono::duration<double>;

/// The main loop of a verb. SIGINT and SIGTERM ask the verb to end; a second one ends the program, at once. One at a
/// time, on the main thread.
class Loop {
public:
    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    /// What to do when the verb is asked to end, instead of leaving run().
    void on_asked_to_end(std::function<void()> call) { finish_ = std::move(call); }
    bool asked_to_end() const { return asked_; }

    /// Until quit().
    void run();
    void quit() { g_main_loop_quit(loop_); }

    /// Until `done` says so, which is asked ten times a second. False: the time has passed, or the verb was asked to end.
    bool wait_until(const std::function<bool()>& done, Seconds limit);

private:
    static gboolean on_signal(gpointer self);

    GMainLoop* loop_;
    guint interrupt_;
    guint terminate_;
    bool asked_ = false;
    std::function<void()> finish_;
};

/// Calls back from the main loop every so often, while it lives.
class Timer {
public:
    Timer(std::chrono::milliseconds period, std::function<void()> call);
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer();

private:
    std::function<void()> call_;
    guint source_;
};

} // namespace cuframes::tools
