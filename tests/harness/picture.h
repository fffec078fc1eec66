// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuframes/cuframes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cuframes::test {

/// How planes lie in a slot. `alignment` rounds pitches and plane starts up, `lead` bytes come before the first plane:
/// so tests cover rows with padding, tight rows, and planes that start anywhere.
cuframes_geometry make_geometry(const std::string& format, uint32_t width, uint32_t height, uint32_t alignment,
                                uint32_t lead = 0);

/// Every format name that make_geometry() knows.
const std::vector<std::string>& known_formats();

/// The visible bytes of one frame, plane after plane and row after row without padding. They carry a number: as 64-bit
/// word at the head and at the tail of each plane, and mixed into every byte in between, so that a torn, stale or
/// shifted frame cannot pass for another.
class Picture {
public:
    explicit Picture(const cuframes_geometry& geometry);

    void draw(uint64_t number);

    /// The number at the head of the first plane, if every plane has it at head and tail.
    std::optional<uint64_t> number() const;
    /// Why these are not exactly the pixels of `number`; empty when they are.
    std::string difference(uint64_t number) const;

    /// For cuframes_slot_write() and cuframes_frame_read(): host memory, tight rows.
    cuframes_image image();

    /// Between these tight rows and the padded rows of a slot that this process can address.
    void copy_to_slot(void* slot) const;
    void copy_from_slot(const void* slot);

    /// A slot's worth of bytes with this picture in it and 0xEE in the padding.
    std::vector<uint8_t> padded() const;

    const cuframes_geometry& geometry() const { return geometry_; }

private:
    std::vector<uint8_t> expected_plane(uint32_t plane, uint64_t number) const;

    cuframes_geometry geometry_;
    std::vector<std::vector<uint8_t>> planes_;
};

/// What is drawn: the publisher's incarnation and the frame's sequence number, so that a frame of a dead publisher
/// cannot be taken for one of its successor.
constexpr uint64_t frame_number(uint32_t incarnation, uint64_t sequence) {
    return uint64_t{incarnation} << 40 | (sequence & 0xff'ffff'ffff);
}

/// A frame of `geometry` at `data`, in host or GPU memory.
cuframes_image image_at(void* data, const cuframes_geometry& geometry, cuframes_memory memory);

} // namespace cuframes::test
