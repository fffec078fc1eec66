// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/loop.h"

#include "shared/say.h"

#include <glib-unix.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace cuframes::tools {

namespace {

constexpr std::chrono::milliseconds period{100};

} // namespace

Loop::Loop()
    : loop_(g_main_loop_new(nullptr, FALSE)),
      interrupt_(g_unix_signal_add(SIGINT, on_signal, this)),
      terminate_(g_unix_signal_add(SIGTERM, on_signal, this)) {}

Loop::~Loop() {
    g_source_remove(interrupt_);
    g_source_remove(terminate_);
    g_main_loop_unref(loop_);
}

gboolean Loop::on_signal(gpointer self) {
    auto* loop = static_cast<Loop*>(self);
    loop->asked_ = true;
    // Something hangs, and be it this loop, or somebody is in a hurry.
    for (const int number : {SIGINT, SIGTERM}) {
        std::signal(number, [](int) { _exit(exit_interrupted); });
    }
    if (loop->finish_) {
        loop->finish_();
    } else {
        loop->quit();
    }
    return G_SOURCE_CONTINUE;
}

void Loop::run() { g_main_loop_run(loop_); }

bool Loop::wait_until(const std::function<bool()>& done, Seconds limit) {
    const auto begin = std::chrono::steady_clock::now();
    bool is_done = done();
    if (is_done || asked_) {
        return is_done;
    }
    const Timer look(period, [&] {
        is_done = done();
        if (is_done || std::chrono::steady_clock::now() - begin > limit) {
            quit();
        }
    });
    run();
    return is_done;
}

Timer::Timer(std::chrono::milliseconds every, std::function<void()> call)
    : call_(std::move(call)),
      source_(g_timeout_add(
          static_cast<guint>(every.count()),
          [](gpointer self) -> gboolean {
              static_cast<Timer*>(self)->call_();
              return G_SOURCE_CONTINUE;
          },
          this)) {}

Timer::~Timer() { g_source_remove(source_); }

} // namespace cuframes::tools
