// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <termios.h>

#include <chrono>
#include <string>
#include <vector>

namespace cuframes::tools {

/// The whole terminal, for a program that draws it anew and again; given back as it was when this ends.
///
/// Signals that end a program, stop it or tell of a new size are held back meanwhile, and are events.
class FullScreen {
public:
    enum class Event { time_is_up, resized, key, end };
    struct Size {
        size_t rows, columns;
    };

    /// Whether standard input and output are a terminal that can do it.
    static bool possible();

    FullScreen();
    FullScreen(const FullScreen&) = delete;
    FullScreen& operator=(const FullScreen&) = delete;
    ~FullScreen();

    Size size() const;

    /// Lines from the top; what was there before is gone. They may have colours, and are cut at the right edge.
    void draw(const std::vector<std::string>& lines);

    /// Waits for one of them.
    Event wait(std::chrono::steady_clock::time_point until);
    /// What was typed, after Event::key.
    const std::string& typed() const { return typed_; }

private:
    void enter();
    void leave();
    Event signalled();

    termios usual_ = {};
    int signals_ = -1;
    std::string typed_;
};

} // namespace cuframes::tools
