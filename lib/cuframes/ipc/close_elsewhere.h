// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "ipc/unique_fd.h"

namespace cuframes::core {

/// Closes a descriptor on a thread of its own. What a peer sent may block in close() for as long as the peer likes: a
/// connection that lingers, a file of a file system of its own; and so may a socket in which such descriptors lie unread.
void close_elsewhere(UniqueFd fd);

/// Owns a descriptor that a peer sent. Move-only.
class ForeignFd {
public:
    ForeignFd() = default;
    explicit ForeignFd(int fd) : fd_(fd) {}
    ForeignFd(ForeignFd&&) = default;
    ForeignFd& operator=(ForeignFd&& other) noexcept {
        reset();
        fd_ = std::move(other.fd_);
        return *this;
    }
    ~ForeignFd() { reset(); }

    operator const UniqueFd&() const { return fd_; }

private:
    void reset();

    UniqueFd fd_;
};

} // namespace cuframes::core
