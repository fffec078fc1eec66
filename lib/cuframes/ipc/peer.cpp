// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/peer.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <vector>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace cuframes::core {

namespace {

std::vector<gid_t> peer_groups(int socket) {
    std::vector<gid_t> groups(64);
    socklen_t size = groups.size() * sizeof(gid_t);
    while (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) {
        if (errno != ERANGE) {
            return {};
        }
        groups.resize(size / sizeof(gid_t));
    }
    groups.resize(size / sizeof(gid_t));
    return groups;
}

/// A user or group of another user namespace that has no number in ours: "nobody", whoever it is.
bool is_overflow(uint32_t id, const char* which) {
    uint32_t overflow = 65534;
    std::ifstream(text("/proc/sys/kernel/", which)) >> overflow;
    return id == overflow;
}

/// Of a process without a number here nothing can be learned; the mode of the socket, which the kernel compares without
/// namespaces, has let it in.
bool same_user_namespace(pid_t pid) {
    struct stat ours = {};
    struct stat theirs = {};
    return pid == 0 ||
           (::stat("/proc/self/ns/user", &ours) == 0 && ::stat(text("/proc/", pid, "/ns/user").c_str(), &theirs) == 0 &&
            ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev);
}

} // namespace

Credentials peer_credentials(int socket) {
    ucred credentials = {};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return {.pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
    }
    return {credentials.pid, credentials.uid, credentials.gid};
}

UniqueFd peer_pidfd(int socket) {
    int fd = -1;
    socklen_t size = sizeof(fd);
    return UniqueFd(::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0 ? fd : -1);
}

Result<AccessRule> AccessRule::parse(const char* rule) {
    AccessRule out;
    const std::string_view given = rule ? rule : "user";
    constexpr std::string_view group_prefix = "group:";
    out.name_ = given;
    if (given == "user") {
        out.kind_ = Kind::user;
    } else if (given == "all") {
        out.kind_ = Kind::all;
    } else if (given.starts_with(group_prefix) && given.size() > group_prefix.size()) {
        const std::string name(given.substr(group_prefix.size()));
        struct group entry = {};
        struct group* found = nullptr;
        std::vector<char> buffer(16384);
        if (const int number = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found); number != 0) {
            return system_error(text("look up the group \"", name, "\" of access \"", given, "\""), number);
        }
        if (!found) {
            return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                         text("access \"", given, "\": there is no group \"", name, "\"; see getent group")};
        }
        out.kind_ = Kind::group;
        out.group_ = found->gr_gid;
    } else {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("access \"", given, "\" is not known; use user, group:NAME or all")};
    }
    return out;
}

bool AccessRule::admits(int socket) const {
    const Credentials peer = peer_credentials(socket);
    if (peer.uid == 0 || kind_ == Kind::all) {
        return true;
    }
    if (peer.uid == ::geteuid() && (!is_overflow(peer.uid, "overflowuid") || same_user_namespace(peer.pid))) {
        return true;
    }
    if (kind_ != Kind::group) {
        return false;
    }
    const auto groups = peer_groups(socket);
    const bool is_member = peer.gid == group_ || std::find(groups.begin(), groups.end(), group_) != groups.end();
    return is_member && (!is_overflow(group_, "overflowgid") || same_user_namespace(peer.pid));
}

} // namespace cuframes::core
