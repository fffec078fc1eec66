// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The headers compile by themselves under every C++ standard that they are for.
#include <cuframes/cuframes.h>
#include <cuframes/cuframes.hpp>

#include <type_traits>

static_assert(!std::is_copy_constructible_v<cuframes::Publisher> &&
              std::is_nothrow_move_constructible_v<cuframes::Publisher>);
static_assert(!std::is_copy_constructible_v<cuframes::Slot> && std::is_nothrow_move_constructible_v<cuframes::Slot>);
static_assert(!std::is_copy_constructible_v<cuframes::Subscriber>);
static_assert(std::is_copy_constructible_v<cuframes::Frame> && std::is_nothrow_move_constructible_v<cuframes::Frame>);

// A number, or a pointer to a stream, in the place of what says more does not compile.
static_assert(!std::is_convertible_v<int, cuframes_optional> && !std::is_assignable_v<cuframes_optional&, int>);
static_assert(!std::is_convertible_v<void*, cuframes_cuda_stream>);

int main() {
    // The soname's version and the header's must be one.
    const std::string version = cuframes_version_string();
    const std::string expected = std::to_string(CUFRAMES_VERSION_MAJOR) + '.' + std::to_string(CUFRAMES_VERSION_MINOR) +
                                 '.' + std::to_string(CUFRAMES_VERSION_PATCH);
    return version == expected ? 0 : 1;
}
