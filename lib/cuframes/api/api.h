// SPDX-License-Identifier: LGPL-2.1-or-later
/// What the C entry points share: results to error codes, options of any size, handles that know their process.
#pragma once

#include "base/fork.h"
#include "base/optional_number.h"
#include "base/result.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

namespace cuframes::core::api {

/// Keeps the message for cuframes_last_error_message() and returns the code.
int fail(const Error& error);

template <class T>
int finish(const Result<T>& result) {
    return result ? CUFRAMES_OK : fail(result.error());
}

inline Error forked_error() {
    return {CUFRAMES_ERROR_FORKED,
            "this handle was made before fork(); make a new one in the child (or use a spawned process)"};
}

inline Error null_error(const char* what) { return {CUFRAMES_ERROR_INVALID_ARGUMENT, text(what, " is NULL")}; }

/// Runs `body`, which returns an int; nothing that is thrown inside leaves the library.
template <class Body>
int guarded(Body&& body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return fail({CUFRAMES_ERROR_NO_MEMORY, "out of memory"});
    } catch (const std::exception& e) {
        return fail({CUFRAMES_ERROR_SYSTEM, text("unexpected: ", e.what())});
    }
}

/// The caller's struct, of whatever version, in this version's: what it does not have is zero.
template <class T>
Result<T> versioned(const T* given, const char* what) {
    if (!given) {
        return null_error(what);
    }
    if (given->struct_size < sizeof(uint32_t)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text(what, " has struct_size ", given->struct_size, "; call CUFRAMES_INIT() on it first")};
    }
    T out;
    std::memset(&out, 0, sizeof(out));
    std::memcpy(&out, given, std::min<size_t>(given->struct_size, sizeof(out)));
    out.struct_size = sizeof(out);
    return out;
}

/// Of a GPU; -1: none was named. What no GPU can have is the largest, which none has.
inline int32_t ordinal_of(cuframes_optional device) {
    const uint64_t ordinal = number_or_none(device);
    return device.plus_one == 0 ? -1 : static_cast<int32_t>(std::min<uint64_t>(ordinal, INT32_MAX));
}

/// Fills as much of each of the caller's structs as it has: they lie as far from each other as the first one is large.
template <class T>
int fill_array(T* targets, size_t capacity, const std::vector<T>& values, const char* what) {
    const size_t count = targets ? std::min(capacity, values.size()) : 0;
    const uint32_t stride = targets && capacity > 0 ? targets->struct_size : 0;
    if (targets && capacity > 0 && stride < sizeof(uint32_t)) {
        return fail({CUFRAMES_ERROR_INVALID_ARGUMENT, text(what, ": call CUFRAMES_INIT() on the first one first")});
    }
    auto* target = reinterpret_cast<std::byte*>(targets);
    for (size_t i = 0; i < count; ++i, target += stride) {
        T value = values[i];
        value.struct_size = stride;
        std::memcpy(target, &value, std::min<size_t>(stride, sizeof(value)));
    }
    return static_cast<int>(values.size());
}

/// Fills as much of the caller's struct as it has.
template <class T>
int fill(T* target, T value, const char* what) {
    if (!target || target->struct_size < sizeof(uint32_t)) {
        return fail({CUFRAMES_ERROR_INVALID_ARGUMENT, text(what, ": call CUFRAMES_INIT() on it first")});
    }
    value.struct_size = target->struct_size;
    std::memcpy(target, &value, std::min<size_t>(target->struct_size, sizeof(value)));
    return CUFRAMES_OK;
}

} // namespace cuframes::core::api
