// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace cuframes::tools {

namespace {

// The other screen, without cursor and without lines that go on below.
constexpr std::string_view enter_screen = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view leave_screen = "\x1b[?7h\x1b[?25h\x1b[?1049l";

sigset_t held_back() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP}) {
        sigaddset(&set, signal);
    }
    return set;
}

void put(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

} // namespace

bool FullScreen::possible() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO) && kind && *kind && std::string_view(kind) != "dumb";
}

FullScreen::FullScreen() {
    const sigset_t set = held_back();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ::tcgetattr(STDIN_FILENO, &usual_);
    enter();
}

FullScreen::~FullScreen() {
    leave();
    ::close(signals_);
    const sigset_t set = held_back();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void FullScreen::enter() {
    termios silent = usual_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    put(enter_screen);
}

void FullScreen::leave() {
    put(leave_screen);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &usual_);
}

FullScreen::Size FullScreen::size() const {
    winsize found = {};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) == 0 && found.ws_row > 0 && found.ws_col > 0;
    return known ? Size{found.ws_row, found.ws_col} : Size{24, 80};
}

void FullScreen::draw(const std::vector<std::string>& lines) {
    std::string all = "\x1b[H";
    const size_t count = std::min(lines.size(), size().rows);
    for (size_t i = 0; i < count; ++i) {
        all += fmt::format("{}{}\x1b[0m\x1b[K", i == 0 ? "" : "\r\n", lines[i]);
    }
    put(all + "\x1b[J");
}

FullScreen::Event FullScreen::signalled() {
    signalfd_siginfo info = {};
    if (::read(signals_, &info, sizeof(info)) != sizeof(info)) {
        return Event::time_is_up;
    }
    if (info.ssi_signo == SIGTSTP) {
        leave();
        ::raise(SIGSTOP);
        // Gone on with.
        enter();
        return Event::resized;
    }
    return info.ssi_signo == SIGWINCH ? Event::resized : Event::end;
}

FullScreen::Event FullScreen::wait(std::chrono::steady_clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd polled[] = {{signals_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (::poll(polled, 2, static_cast<int>(std::max<int64_t>(0, left.count()))) <= 0) {
        return Event::time_is_up;
    }
    if (polled[0].revents != 0) {
        return signalled();
    }
    char buffer[64];
    const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof(buffer));
    if (size <= 0) {
        return Event::end; // The terminal is gone.
    }
    typed_.assign(buffer, static_cast<size_t>(size));
    return Event::key;
}

} // namespace cuframes::tools
