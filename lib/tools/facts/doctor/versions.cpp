// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"
#include "shared/elsewhere.h"

#include <cuframes/cuframes.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <sstream>

namespace cuframes::tools::doctor {

namespace {

/// What a program prints, if it ends well.
std::optional<std::string> output_of(const std::string& program, const char* argument) {
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::execl(program.c_str(), program.c_str(), argument, nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    std::string out;
    std::array<char, 4096> buffer;
    for (ssize_t size = 0; (size = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
        out.append(buffer.data(), static_cast<size_t>(size));
    }
    ::close(ends[0]);
    int status = 0;
    const bool good =
        child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return good ? std::optional(out) : std::nullopt;
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
    const auto told = output_of(media, "--version");
    if (!told) {
        findings.fail("gstreamer", fmt::format("{} does not start, or finds no plugin cuframes", media),
                      fmt::format("see what \"{} --version\" says, and \"gst-inspect-1.0 cuframes\"", media));
        return;
    }
    std::istringstream lines(*told);
    for (std::string line; std::getline(lines, line);) {
        findings.ok("gstreamer", line);
    }
}

} // namespace cuframes::tools::doctor
