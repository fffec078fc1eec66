// SPDX-License-Identifier: LGPL-2.1-or-later
#include "in_flight.h"

namespace cuframes::tensors {

WaitList WaitList::record(std::span<const StreamRef>) { return {}; }

bool WaitList::passed() { return true; }

void WaitList::run(void (*action)(void*), void* object) const { action(object); }

} // namespace cuframes::tensors
