// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "fuzz.h"

#include <algorithm>
#include <random>

namespace cuframes::fuzz {

using Random = std::mt19937_64;

/// Numbers at which code goes wrong, as large as a word of its size allows.
inline uint64_t number_of_note(Random& random) {
    static constexpr uint64_t notable[] = {0,
                                           1,
                                           2,
                                           3,
                                           63,
                                           64,
                                           65,
                                           255,
                                           256,
                                           4095,
                                           4096,
                                           4097,
                                           65535,
                                           65536,
                                           INT32_MAX,
                                           uint64_t{1} << 31,
                                           UINT32_MAX,
                                           UINT32_MAX - 1,
                                           uint64_t{1} << 32,
                                           uint64_t{1} << 48,
                                           INT64_MAX,
                                           uint64_t{1} << 63,
                                           UINT64_MAX,
                                           UINT64_MAX - 1,
                                           UINT64_MAX - 63,
                                           uint64_t{1} << 16 | 1};
    return random() % 3 == 0 ? random() >> random() % 64 : notable[random() % std::size(notable)];
}

namespace mutation {

inline void flip_a_bit(Bytes& input, Random& random) {
    input[random() % input.size()] ^= static_cast<uint8_t>(1u << random() % 8);
}

inline void change_a_byte(Bytes& input, Random& random) {
    input[random() % input.size()] = static_cast<uint8_t>(random());
}

/// Of 2, 4 or 8 bytes: another number, or a little more or less.
inline void change_a_word(Bytes& input, Random& random) {
    const size_t size = std::min<size_t>(size_t{2} << random() % 3, input.size());
    const size_t at = random() % (input.size() - size + 1);
    uint64_t word = 0;
    std::memcpy(&word, input.data() + at, size);
    word = random() % 3 == 0 ? word + random() % 17 - 8 : number_of_note(random);
    std::memcpy(input.data() + at, &word, size);
}

inline void leave_out(Bytes& input, Random& random) {
    const auto at = static_cast<std::ptrdiff_t>(random() % input.size());
    const auto most = static_cast<uint64_t>(std::ssize(input) - at);
    const auto size = static_cast<std::ptrdiff_t>(1 + random() % std::min<uint64_t>(most, 64));
    input.erase(input.begin() + at, input.begin() + at + size);
}

/// A piece of this or another input, at another place.
inline void put_in(Bytes& input, const Bytes& other, Random& random) {
    if (other.empty()) {
        return;
    }
    const auto from = static_cast<std::ptrdiff_t>(random() % other.size());
    const auto size = static_cast<std::ptrdiff_t>(random() % static_cast<uint64_t>(std::ssize(other) - from) + 1);
    const Bytes piece(other.begin() + from, other.begin() + from + size);
    const auto at = static_cast<std::ptrdiff_t>(random() % (input.size() + 1));
    input.insert(input.begin() + at, piece.begin(), piece.end());
}

inline void cut(Bytes& input, Random& random) { input.resize(random() % input.size()); }

} // namespace mutation

/// One of the corpus with a few changes: mostly numbers, as that leaves what is around them whole.
inline Bytes mutated(const std::vector<Bytes>& corpus, Random& random) {
    constexpr size_t largest = 8 * 1024;
    Bytes input = corpus[random() % corpus.size()];
    for (uint64_t left = 1 + random() % 4; left > 0 && !input.empty(); --left) {
        switch (random() % 12) {
        case 0:
            mutation::flip_a_bit(input, random);
            break;
        case 1:
            mutation::change_a_byte(input, random);
            break;
        case 2:
            mutation::leave_out(input, random);
            break;
        case 3:
            mutation::put_in(input, corpus[random() % corpus.size()], random);
            break;
        case 4:
            mutation::put_in(input, Bytes(input), random);
            break;
        case 5:
            mutation::cut(input, random);
            break;
        default:
            mutation::change_a_word(input, random);
        }
    }
    input.resize(std::min(input.size(), largest));
    return input;
}

} // namespace cuframes::fuzz
