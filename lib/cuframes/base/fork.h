// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace cuframes {

/** How often this process was forked into being since the library was loaded. A handle made at another count belongs to
 *  a parent: its threads do not exist here, and its leases are not ours to end. */
uint32_t fork_count();

} // namespace cuframes
