// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace cuframes::core {

/// How often this process was forked into being since the library was loaded. A handle made at another count belongs to
/// a parent: its threads do not exist here, and its leases are not ours to end.
uint32_t fork_count();

/// Has a descriptor closed in every child that is forked from now on. For sockets: a child that outlives its parent and
/// keeps them would take connections, and hide the parent's death.
void close_in_children(int fd);

/// To be called before the descriptor is closed here.
void leave_to_children(int fd);

} // namespace cuframes::core
