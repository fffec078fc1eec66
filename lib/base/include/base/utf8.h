// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cuframes::core {

/// Bytes of the character of UTF-8 that `text` begins with; 0: it begins with none.
size_t utf8_character(std::string_view text);

bool is_utf8(std::string_view text);

/// As much of the text as fits `size` bytes, cut between characters, with U+FFFD for each byte that belongs to none.
std::string valid_utf8(std::string_view text, size_t size);

/// The same into a member of a message, zero-terminated.
template <size_t size>
void copy_text(char (&target)[size], std::string_view text) {
    const std::string valid = valid_utf8(text, size - 1);
    valid.copy(target, size - 1);
    target[valid.size()] = 0;
}

} // namespace cuframes::core
