// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/standard_output.h"

#include <unistd.h>

#include <cerrno>

namespace cuframes::tools {

Written write_out(const void* data, size_t size) {
    const auto* bytes = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t written = ::write(STDOUT_FILENO, bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= static_cast<size_t>(written);
        } else if (errno != EINTR) {
            return errno == EPIPE ? Written::reader_left : Written::failed;
        }
    }
    return Written::all;
}

} // namespace cuframes::tools
