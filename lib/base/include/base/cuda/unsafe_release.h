// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>
#include <string_view>

namespace cuframes::core::cuda {

/// Whether frames are released at once instead of after the GPU work that reads them: CUFRAMES_UNSAFE_RELEASE=host. It
/// tears pictures. Tests set it to show that they would notice.
inline bool releases_are_unsafe() {
    static const bool unsafe = [] {
        const char* wish = std::getenv("CUFRAMES_UNSAFE_RELEASE");
        return wish && std::string_view(wish) == "host";
    }();
    return unsafe;
}

} // namespace cuframes::core::cuda
