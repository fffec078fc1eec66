// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"

#include <cstdint>

namespace cuframes::test {

/// CPU time and context switches of the whole process, its library threads included.
struct Usage {
    int64_t cpu_ns = 0, switches = 0;

    static Usage now();
};

/// What any process can be asked to do, whatever it publishes or reads: become, usage, leave_fork_behind, ping.
void add_plain_verbs(Verbs& verbs);

} // namespace cuframes::test
