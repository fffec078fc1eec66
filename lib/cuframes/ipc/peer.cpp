// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/peer.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>
#include <vector>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace cuframes {

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
        ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
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
    if (peer.uid == 0 || peer.uid == ::geteuid() || kind_ == Kind::all) {
        return true;
    }
    if (kind_ != Kind::group) {
        return false;
    }
    const auto groups = peer_groups(socket);
    return peer.gid == group_ || std::find(groups.begin(), groups.end(), group_) != groups.end();
}

} // namespace cuframes
