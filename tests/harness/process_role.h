// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"

namespace cuframes::test {

class PublisherRole;
class SubscriberRole;

/// Verbs about the process itself: what it uses, what it leaks, what a fork of it may do.
void add_process_verbs(Verbs& verbs, PublisherRole& publisher, SubscriberRole& subscriber);

} // namespace cuframes::test
