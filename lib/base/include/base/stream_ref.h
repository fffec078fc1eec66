// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace cuframes::core {

/// A stream and the context that it is of, named by values of the driver API, for files that know no more of it.
struct StreamRef {
    void* stream = nullptr;  ///< CUstream; NULL: the legacy default stream.
    void* context = nullptr; ///< CUcontext; NULL: that of whoever takes it, a ring's say.

    bool operator==(const StreamRef&) const = default;
};

} // namespace cuframes::core
