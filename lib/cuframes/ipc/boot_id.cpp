// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/boot_id.h"

#include "ipc/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <mutex>
#include <optional>
#include <string>

namespace cuframes::core {

namespace {

Result<std::array<uint8_t, 16>> read_boot_id() {
    constexpr const char* path = "/proc/sys/kernel/random/boot_id";
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    std::array<char, 64> line = {};
    if (!file || ::read(file.get(), line.data(), line.size()) <= 0) {
        return system_error(text("read ", path, ", which tells whether a peer is on this host"));
    }
    std::string digits;
    for (const char c : line) {
        if (std::isxdigit(static_cast<unsigned char>(c))) {
            digits += c;
        }
    }
    std::array<uint8_t, 16> id = {};
    if (digits.size() != 2 * id.size()) {
        return Error{CUFRAMES_ERROR_SYSTEM, text(path, " contains no boot id")};
    }
    for (size_t i = 0; i < id.size(); ++i) {
        id[i] = static_cast<uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
    }
    return id;
}

} // namespace

Result<std::array<uint8_t, 16>> boot_id() {
    static std::mutex mutex;
    static std::optional<std::array<uint8_t, 16>> known;
    const std::lock_guard lock(mutex);
    if (!known) {
        auto read = read_boot_id();
        if (!read) {
            return read;
        }
        known = *read;
    }
    return *known;
}

} // namespace cuframes::core
