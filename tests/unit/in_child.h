// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "deadline.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>

namespace cuframes::test {

/// What a forked child has to say: for limits that are a process's own, or that might kill it. A child that is killed
/// is "killed by signal N". `body` may not use GoogleTest, which belongs to the parent.
inline std::string in_child(const std::function<std::string()>& body) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) {
        return "no pipe";
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(static_cast<unsigned>(3 * scaled(default_limit).count() / 1000)); // Longer than its own waits.
        const std::string said = body();
        (void)!::write(pipe[1], said.data(), said.size());
        ::_exit(0);
    }
    ::close(pipe[1]);
    std::string heard;
    std::array<char, 4096> part;
    for (ssize_t got = 0; (got = ::read(pipe[0], part.data(), part.size())) > 0;) {
        heard.append(part.data(), static_cast<size_t>(got));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status)) : heard;
}

} // namespace cuframes::test
