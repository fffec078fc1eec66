// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "ipc/rendezvous.h"
#include "ipc/seqpacket.h"
#include "ipc/waker.h"

#include <atomic>
#include <memory>
#include <optional>

namespace cuframes::core {

/// A subscriber's connection to one publisher. Held frames keep it open, since its closing gives their leases back: so
/// frames may outlive the subscriber handle.
struct Link {
    Connection connection;
    UniqueFd pidfd; ///< Of the publisher; empty where the kernel has none.
    int32_t publisher_pid = 0;
    bool welcomed = false;              ///< It has admitted us.
    std::optional<FileIdentity> socket; ///< Of the file that we connected to.
    std::atomic<uint32_t> granted{0};
    uint32_t copies = 0; ///< Leases on top, each for the time of a copy.
    bool dead = false;
    uint32_t ends = 0; ///< Of the stream, before there was a ring.
    uint32_t ends_told = 0;

    std::atomic<uint32_t> held{0};
    std::atomic<bool> starving{false}; ///< next() waits for a lease: poke it when one is given back.
    std::shared_ptr<Waker> poke;
};

} // namespace cuframes::core
