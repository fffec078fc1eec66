// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cuframes::tools {

/// The one that was probably meant; "": none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

} // namespace cuframes::tools
