// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace cuframes::test {

/// main() of a child in the role "packet-agent": the agent's verbs about who is attached, for packets in the place of
/// frames.
int packet_agent_main();

} // namespace cuframes::test
