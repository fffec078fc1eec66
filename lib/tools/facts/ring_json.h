// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <nlohmann/json.hpp>

namespace cuframes::tools {

/// In the order in which it was written.
using Json = nlohmann::ordered_json;

/// All of it. What is not known is null; times are seconds.
Json ring_json(const cuframes_ring_info& ring, uint64_t now);

} // namespace cuframes::tools
