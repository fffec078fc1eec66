// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <nlohmann/json.hpp>

namespace cuframes::tools {

/// In the order in which it was written.
using Json = nlohmann::ordered_json;

/// On many lines, or on one. A path may have any bytes; of what is no UTF-8 a replacement stands there.
enum class Form { pretty, line };
void print(const Json& json, Form form = Form::pretty);

/// All of it. What is not known is null; times are seconds.
Json ring_json(const cuframes_ring_info& ring, uint64_t now);

} // namespace cuframes::tools
