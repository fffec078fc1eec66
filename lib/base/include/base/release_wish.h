// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"

#include <cstdlib>
#include <string_view>

namespace cuframes::core {

/// $CUFRAMES_RELEASE: whether the end of GPU memory's use is to wait for whole contexts instead of known streams.
inline Result<bool> release_wish() {
    const char* wish = std::getenv("CUFRAMES_RELEASE");
    const std::string_view value = wish ? wish : "";
    if (value.empty() || value == "streams" || value == "context") {
        return value == "context";
    }
    return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                 text("CUFRAMES_RELEASE=", wish, " is not known; use streams, which is the default, or context")};
}

} // namespace cuframes::core
