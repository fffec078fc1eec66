// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>

// In the namespace of the type, where std::find looks for it.
constexpr bool operator==(const cuframes_cuda_stream& a, const cuframes_cuda_stream& b) {
    return a.stream == b.stream && a.context == b.context;
}

namespace cuframes::core {

/// A stream and the context that it is of, named by values of the driver API: the C ABI's own struct, from end to end.
using StreamRef = cuframes_cuda_stream;

} // namespace cuframes::core
