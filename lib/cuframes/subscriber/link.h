// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "ipc/rendezvous.h"
#include "ipc/seqpacket.h"
#include "ipc/waker.h"

#include <memory>
#include <optional>

namespace cuframes::core {

/// A subscriber's connection to one publisher. Items held keep it open, since its closing gives them back: so they may
/// outlive the subscriber handle.
struct Link {
    Connection connection;
    UniqueFd pidfd; ///< Of the publisher; empty where the kernel has none.
    int32_t publisher_pid = 0;
    std::optional<FileIdentity> socket; ///< Of the file that we connected to.
    uint32_t ends = 0;                  ///< Of the stream, before there was a generation.
    uint32_t ends_told = 0;
    std::shared_ptr<Waker> poke; ///< Has the subscriber look again, from any thread.
};

} // namespace cuframes::core
