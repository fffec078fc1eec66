// SPDX-License-Identifier: LGPL-2.1-or-later
#include "picture.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

namespace cuframes::test {
namespace {

/// A plane as the format tables of video have it: subsampling shifts and bytes for one (subsampled) pixel.
struct PlaneShape {
    uint32_t x_shift, y_shift, bytes;
};

const std::map<std::string, std::vector<PlaneShape>>& shapes() {
    static const std::map<std::string, std::vector<PlaneShape>> table = {
        {"GRAY8", {{0, 0, 1}}},
        {"GRAY16_LE", {{0, 0, 2}}},
        {"RGB", {{0, 0, 3}}},
        {"BGRA", {{0, 0, 4}}},
        {"NV12", {{0, 0, 1}, {1, 1, 2}}},
        {"P010_10LE", {{0, 0, 2}, {1, 1, 4}}},
        {"I420", {{0, 0, 1}, {1, 1, 1}, {1, 1, 1}}},
        {"Y42B", {{0, 0, 1}, {1, 0, 1}, {1, 0, 1}}},
        {"Y444", {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}},
        {"RGBP", {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}},
        {"A420", {{0, 0, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}},
    };
    return table;
}

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

constexpr uint32_t subsampled(uint32_t size, uint32_t shift) { return (size + (1u << shift) - 1) >> shift; }

/// SplitMix64: neighbouring inputs give unrelated outputs, so a shift by one pixel or one frame changes every byte.
constexpr uint64_t mix(uint64_t value) {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

uint64_t word_at(const std::vector<uint8_t>& bytes, size_t offset) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + offset, sizeof(word));
    return word;
}

} // namespace

const std::vector<std::string>& known_formats() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& entry : shapes()) {
            all.push_back(entry.first);
        }
        return all;
    }();
    return names;
}

cuframes_geometry make_geometry(const std::string& format, uint32_t width, uint32_t height, uint32_t alignment,
                                uint32_t lead) {
    const auto found = shapes().find(format);
    if (found == shapes().end()) {
        throw std::runtime_error("unknown format " + format);
    }
    cuframes_geometry geometry;
    CUFRAMES_INIT(geometry);
    geometry.width = width;
    geometry.height = height;
    std::strncpy(geometry.format, format.c_str(), sizeof(geometry.format) - 1);
    uint64_t end = lead;
    for (const PlaneShape& shape : found->second) {
        cuframes_plane& plane = geometry.planes[geometry.plane_count++];
        plane.row_bytes = subsampled(width, shape.x_shift) * shape.bytes;
        plane.rows = subsampled(height, shape.y_shift);
        plane.pitch = static_cast<uint32_t>(round_up(plane.row_bytes, alignment));
        plane.offset = round_up(end, alignment);
        end = plane.offset + uint64_t{plane.pitch} * plane.rows;
    }
    geometry.frame_size = end;
    return geometry;
}

Picture::Picture(const cuframes_geometry& geometry) : geometry_(geometry) {
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        const size_t size = size_t{geometry.planes[i].row_bytes} * geometry.planes[i].rows;
        if (size < 2 * sizeof(uint64_t)) {
            throw std::runtime_error("a plane is too small to carry a number at both ends");
        }
        planes_.emplace_back(size);
    }
}

std::vector<uint8_t> Picture::expected_plane(uint32_t plane, uint64_t number) const {
    std::vector<uint8_t> bytes(planes_[plane].size());
    const uint64_t seed = mix(number * CUFRAMES_MAX_PLANES + plane);
    size_t offset = 0;
    for (; offset + sizeof(uint64_t) <= bytes.size(); offset += sizeof(uint64_t)) {
        const uint64_t word = mix(seed + offset);
        std::memcpy(bytes.data() + offset, &word, sizeof(word));
    }
    for (; offset < bytes.size(); ++offset) {
        bytes[offset] = static_cast<uint8_t>(mix(seed + offset));
    }
    std::memcpy(bytes.data(), &number, sizeof(number));
    std::memcpy(bytes.data() + bytes.size() - sizeof(number), &number, sizeof(number));
    return bytes;
}

void Picture::draw(uint64_t number) {
    for (uint32_t i = 0; i < planes_.size(); ++i) {
        planes_[i] = expected_plane(i, number);
    }
}

std::optional<uint64_t> Picture::number() const {
    const uint64_t number = word_at(planes_[0], 0);
    for (const auto& plane : planes_) {
        if (word_at(plane, 0) != number || word_at(plane, plane.size() - sizeof(number)) != number) {
            return std::nullopt;
        }
    }
    return number;
}

std::string Picture::difference(uint64_t number) const {
    for (uint32_t i = 0; i < planes_.size(); ++i) {
        const std::vector<uint8_t> expected = expected_plane(i, number);
        const auto at = std::mismatch(expected.begin(), expected.end(), planes_[i].begin());
        if (at.first == expected.end()) {
            continue;
        }
        const uint32_t row_bytes = geometry_.planes[i].row_bytes;
        const auto offset = static_cast<size_t>(at.first - expected.begin());
        return "frame " + std::to_string(number) + ", plane " + std::to_string(i) + ", row " +
               std::to_string(offset / row_bytes) + ", byte " + std::to_string(offset % row_bytes) +
               " differs; the plane's head says " + std::to_string(word_at(planes_[i], 0)) + ", its tail " +
               std::to_string(word_at(planes_[i], planes_[i].size() - sizeof(uint64_t)));
    }
    return {};
}

cuframes_image Picture::image() {
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = CUFRAMES_MEMORY_HOST;
    image.plane_count = geometry_.plane_count;
    for (uint32_t i = 0; i < geometry_.plane_count; ++i) {
        image.pitch[i] = geometry_.planes[i].row_bytes;
        image.planes[i] = planes_[i].data();
    }
    return image;
}

void Picture::copy_to_slot(void* slot) const {
    for (uint32_t i = 0; i < geometry_.plane_count; ++i) {
        const cuframes_plane& plane = geometry_.planes[i];
        auto* to = static_cast<uint8_t*>(slot) + plane.offset;
        for (uint32_t row = 0; row < plane.rows; ++row) {
            std::memcpy(to + size_t{row} * plane.pitch, planes_[i].data() + size_t{row} * plane.row_bytes,
                        plane.row_bytes);
        }
    }
}

void Picture::copy_from_slot(const void* slot) {
    for (uint32_t i = 0; i < geometry_.plane_count; ++i) {
        const cuframes_plane& plane = geometry_.planes[i];
        const auto* from = static_cast<const uint8_t*>(slot) + plane.offset;
        for (uint32_t row = 0; row < plane.rows; ++row) {
            std::memcpy(planes_[i].data() + size_t{row} * plane.row_bytes, from + size_t{row} * plane.pitch,
                        plane.row_bytes);
        }
    }
}

std::vector<uint8_t> Picture::padded() const {
    std::vector<uint8_t> slot(geometry_.frame_size, 0xEE);
    copy_to_slot(slot.data());
    return slot;
}

cuframes_image image_at(void* data, const cuframes_geometry& geometry, cuframes_memory memory) {
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = memory;
    image.plane_count = geometry.plane_count;
    for (uint32_t i = 0; i < image.plane_count; ++i) {
        image.pitch[i] = geometry.planes[i].pitch;
        image.rows[i] = geometry.planes[i].rows;
        image.planes[i] = static_cast<uint8_t*>(data) + geometry.planes[i].offset;
    }
    return image;
}

} // namespace cuframes::test
