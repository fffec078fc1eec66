// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace cuframes::tools {

enum class Written {
    all,
    reader_left, ///< Nobody reads any more, which is no failure.
    failed,      ///< errno says why.
};

/// All of it, however long the reader takes.
Written write_out(const void* data, size_t size);

} // namespace cuframes::tools
