// SPDX-License-Identifier: LGPL-2.1-or-later
/// Who is at the other end of a connection, and whether it still lives.
#pragma once

#include "base/result.h"
#include "ipc/unique_fd.h"

#include <sys/types.h>

#include <string>

namespace cuframes::core {

struct Credentials {
    pid_t pid = 0; ///< In our PID namespace; 0 if it has no number there.
    uid_t uid = 0;
    gid_t gid = 0;
};

Credentials peer_credentials(int socket);

/// A pidfd of the process that connected: readable once that has ended. The hang-up of the socket alone comes late when a
/// forked child still holds it open. Empty before Linux 6.5, where only the socket tells.
UniqueFd peer_pidfd(int socket);

/// Whom a publisher admits.
class AccessRule {
public:
    /// "user", "group:NAME" or "all"; NULL is "user".
    static Result<AccessRule> parse(const char* rule);

    bool admits(int socket) const;

    mode_t directory_mode() const { return kind_ == Kind::user ? 0700 : kind_ == Kind::group ? 0750 : 0755; }
    mode_t socket_mode() const { return kind_ == Kind::user ? 0600 : kind_ == Kind::group ? 0660 : 0666; }
    /// -1: as it comes.
    gid_t group() const { return kind_ == Kind::group ? group_ : static_cast<gid_t>(-1); }
    const std::string& name() const { return name_; }

private:
    enum class Kind { user, group, all };
    Kind kind_ = Kind::user;
    gid_t group_ = 0;
    std::string name_ = "user";
};

} // namespace cuframes::core
