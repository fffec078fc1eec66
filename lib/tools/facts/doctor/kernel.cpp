// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace cuframes::tools::doctor {

namespace {

/// "": it works.
std::string wrong_with_memfds() {
    const int fd = ::memfd_create("cuframes-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return fmt::format("memfd_create: {}", std::strerror(errno));
    }
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE;
    std::string wrong;
    if (::ftruncate(fd, 4096) != 0 || ::fallocate(fd, 0, 0, 4096) != 0) {
        wrong = fmt::format("memory of a memfd: {}", std::strerror(errno));
    } else if (::fcntl(fd, F_ADD_SEALS, seals) != 0) {
        wrong = fmt::format("seals of a memfd: {}", std::strerror(errno));
    }
    ::close(fd);
    return wrong;
}

bool has_peer_pidfds() {
    std::array<int, 2> ends = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return false;
    }
    int pidfd = -1;
    socklen_t size = sizeof(pidfd);
    const bool has = ::getsockopt(ends[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0;
    for (const int fd : {ends[0], ends[1], pidfd}) {
        if (fd >= 0) {
            ::close(fd);
        }
    }
    return has;
}

/// The first namespace of a kind always has the same number.
bool in_first_namespace(const char* kind, std::string_view number) {
    std::error_code error;
    return std::filesystem::read_symlink(fmt::format("/proc/self/ns/{}", kind), error).native().find(number) !=
           std::string::npos;
}

bool clock_is_shifted() {
    std::ifstream offsets("/proc/self/timens_offsets");
    std::string clock;
    for (long seconds = 0, nanoseconds = 0; offsets >> clock >> seconds >> nanoseconds;) {
        if (clock == "monotonic" && (seconds != 0 || nanoseconds != 0)) {
            return true;
        }
    }
    return false;
}

} // namespace

void examine_kernel(Findings& findings) {
    utsname name = {};
    ::uname(&name);
    const std::string kernel = fmt::format("Linux {}", name.release);
    if (const std::string wrong = wrong_with_memfds(); !wrong.empty()) {
        findings.fail("kernel", fmt::format("{}: {}", kernel, wrong),
                      "Linux 5.1 or later is needed; in a sandbox, allow memfd_create and fcntl with seals");
    } else {
        findings.ok("kernel",
                    fmt::format("{}: memory can be shared and sealed; a death is told by {}", kernel,
                                has_peer_pidfds() ? "pidfd and hang-up" : "hang-up alone (pidfds: Linux 6.5)"));
    }
    if (in_first_namespace("pid", "4026531836")) {
        findings.ok("namespaces", "process IDs are those of the host");
    } else {
        findings.ok("namespaces", "this is a PID namespace of its own: processes outside have no number here");
    }
    if (clock_is_shifted()) {
        findings.fail("clock", "this is a time namespace with a monotonic clock of its own: times of frames are wrong",
                      "run publishers and readers without a time namespace");
    }
}

} // namespace cuframes::tools::doctor
