// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a fuzz target is made of, and what it tells its driver. LLVMFuzzerTestOneInput is libFuzzer's name for a target, so
/// that it can be linked with that as well as with driver.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace cuframes::fuzz {

using Bytes = std::vector<uint8_t>;

/// Sound inputs, of which the driver makes others.
std::vector<Bytes> corpus();
/// What was begun for all inputs together still works. Called at the end.
void finish();

/// The input got behind every check.
void got_through();
/// Ends the program unless `is`: the code under test did what it must never do.
void must(bool is, const char* what);

/// Takes an input apart. What it has no more of is 0.
class Input {
public:
    Input(const uint8_t* data, size_t size) : left_(data, size) {}

    bool empty() const { return left_.empty(); }
    template <class T>
    T take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T out = {};
        const auto from = take_bytes(sizeof(T));
        std::memcpy(&out, from.data(), from.size());
        return out;
    }
    std::span<const uint8_t> take_bytes(size_t size) {
        const auto out = left_.first(size < left_.size() ? size : left_.size());
        left_ = left_.subspan(out.size());
        return out;
    }

private:
    std::span<const uint8_t> left_;
};

/// Puts one together.
class Output {
public:
    template <class T>
    Output& put(const T& value) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
        bytes_.insert(bytes_.end(), bytes, bytes + sizeof(T));
        return *this;
    }
    Bytes bytes() const { return bytes_; }

private:
    Bytes bytes_;
};

} // namespace cuframes::fuzz
