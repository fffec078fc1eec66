// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/ring.h"

namespace cuframes::tools {

/// Throws if the ring has no past, and names the key that has.
void check_past(const Ring& ring);

} // namespace cuframes::tools
