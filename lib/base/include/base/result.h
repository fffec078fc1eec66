// SPDX-License-Identifier: LGPL-2.1-or-later
/// Result<T>: a value, or an Error with its code and the sentence a user will read.
///
/// std::expected is C++23, and the library builds with the compilers of Debian 12. The message is made where the cause
/// is known (path, pid, system call) and travels unchanged to cuframes_last_error_message().
#pragma once

#include "cuframes/cuframes.h"

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace cuframes::core {

/// Joins strings and numbers: std::format is missing from GCC 12.
template <class... Parts>
std::string text(const Parts&... parts) {
    std::string out;
    auto append = [&out](const auto& part) {
        if constexpr (requires { std::to_string(part); }) {
            out += std::to_string(part);
        } else {
            out += part;
        }
    };
    (append(parts), ...);
    return out;
}

struct Error {
    cuframes_error code;
    std::string message;
};

/// A failed system call: "cannot <doing>: <strerror>". Reads errno, so make it first.
inline Error system_error(const std::string& doing, int number = errno, cuframes_error code = CUFRAMES_ERROR_SYSTEM) {
    return {code, text("cannot ", doing, ": ", std::generic_category().message(number))};
}

/// Needs no memory itself: the text fits a string's own bytes.
inline Error out_of_memory() noexcept { return {CUFRAMES_ERROR_NO_MEMORY, "out of memory"}; }

template <class T = void>
class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return content_.index() == 0; }
    T& operator*() { return std::get<0>(content_); }
    T* operator->() { return &std::get<0>(content_); }
    const Error& error() const { return std::get<1>(content_); }

private:
    std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    explicit operator bool() const { return !error_; }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

} // namespace cuframes::core
