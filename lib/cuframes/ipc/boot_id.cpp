// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/boot_id.h"

#include <cctype>
#include <fstream>
#include <string>

namespace cuframes {

std::array<uint8_t, 16> boot_id() {
    std::array<uint8_t, 16> id = {};
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string digits;
    for (char c = 0; file.get(c);) {
        if (std::isxdigit(static_cast<unsigned char>(c))) {
            digits += c;
        }
    }
    for (size_t i = 0; i < id.size() && digits.size() == 2 * id.size(); ++i) {
        id[i] = static_cast<uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
    }
    return id;
}

} // namespace cuframes
