// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"
#include "shared/elsewhere.h"

#include <cuframes/cuframes.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

namespace cuframes::tools::doctor {

namespace {

struct Ended {
    bool well;
    std::string said; ///< On standard output and standard error.
};

Ended run_program(const std::string& program, const char* argument) {
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return {false, std::strerror(errno)};
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
        ::execl(program.c_str(), program.c_str(), argument, nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    std::string said;
    std::array<char, 4096> buffer;
    for (ssize_t size = 0; (size = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
        said.append(buffer.data(), static_cast<size_t>(size));
    }
    ::close(ends[0]);
    int status = 0;
    const bool well =
        child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return {well, said};
}

} // namespace

void examine_versions(Findings& findings) {
    findings.ok("library",
                fmt::format("libcuframes {}, protocol {}", cuframes_version_string(), cuframes_protocol_version()));
    const std::string media = find_media();
    if (media.empty()) {
        findings.ok("gstreamer", "cuframes-media is not installed: verbs that need GStreamer are not there");
        return;
    }
    const Ended ended = run_program(media, "--version");
    if (!ended.well) {
        findings.fail("gstreamer", fmt::format("{}: {}", media, ended.said.substr(0, ended.said.find('\n'))),
                      "see \"gst-inspect-1.0 cuframes\"; the plugin is looked for in $GST_PLUGIN_PATH too");
        return;
    }
    std::istringstream lines(ended.said);
    for (std::string line; std::getline(lines, line);) {
        findings.ok("gstreamer", line);
    }
}

} // namespace cuframes::tools::doctor
