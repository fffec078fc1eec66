// SPDX-License-Identifier: LGPL-2.1-or-later
#include "protocol/validate.h"

#include "base/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string_view>

namespace cuframes::core {

namespace {

Error bad_geometry(const std::string& what) {
    return {CUFRAMES_ERROR_INVALID_ARGUMENT, text("the geometry does not hold together: ", what)};
}

Error bad_header(const std::string& what) {
    return {CUFRAMES_ERROR_PROTOCOL, text("the publisher's control memory is damaged: ", what)};
}

/// `count` things of `stride` bytes from `offset` on end within `size`. Written so that nothing can overflow.
bool fits(uint64_t offset, uint64_t count, uint64_t stride, uint64_t size) {
    return offset <= size && (count == 0 || stride <= (size - offset) / count);
}

/// A struct in shared memory, read once: a hostile publisher may change the words between two reads.
template <class T>
class Copy {
public:
    explicit Copy(const void* from) { std::memcpy(bytes_, from, sizeof(T)); }
    const T& operator*() const { return *reinterpret_cast<const T*>(bytes_); }

private:
    alignas(T) std::byte bytes_[sizeof(T)];
};

static_assert(std::size(wire::Geometry{}.planes) == CUFRAMES_MAX_PLANES &&
              sizeof(wire::Geometry::format) == sizeof(cuframes_geometry::format));

} // namespace

Result<> check_geometry(const cuframes_geometry& g) {
    if (g.width == 0 || g.height == 0 || g.width > 65536 || g.height > 65536) {
        return bad_geometry(text("size ", g.width, "x", g.height, " is not within 1x1 to 65536x65536"));
    }
    if (g.plane_count == 0 || g.plane_count > CUFRAMES_MAX_PLANES) {
        return bad_geometry(text(g.plane_count, " planes; 1 to 4 are possible"));
    }
    if (!std::memchr(g.format, 0, sizeof(g.format))) {
        return bad_geometry("the format name is not terminated");
    }
    if (const std::string_view name = g.format;
        !std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; })) {
        return bad_geometry("the format name has characters that no format has");
    }
    if (g.frame_size == 0 || g.frame_size > uint64_t{1} << 40) {
        return bad_geometry(text("frame_size is ", g.frame_size));
    }
    for (uint32_t i = 0; i < g.plane_count; ++i) {
        const cuframes_plane& plane = g.planes[i];
        if (plane.rows == 0 || plane.row_bytes == 0 || plane.pitch < plane.row_bytes) {
            return bad_geometry(text("plane ", i, " has ", plane.rows, " rows of ", plane.row_bytes,
                                     " bytes with a pitch of ", plane.pitch));
        }
        // The last row may end before its pitch does.
        if (!fits(plane.offset, plane.rows - 1, plane.pitch, g.frame_size) ||
            plane.offset + uint64_t{plane.rows - 1} * plane.pitch + plane.row_bytes > g.frame_size) {
            return bad_geometry(text("plane ", i, " reaches beyond frame_size ", g.frame_size));
        }
    }
    return {};
}

Result<> check_key(const char* key) {
    auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    };
    const std::string_view name = key ? key : "";
    if (name.empty()) {
        return Error{CUFRAMES_ERROR_INVALID_KEY, "no key given: set one, such as \"cam-gate\""};
    }
    if (name.size() > CUFRAMES_MAX_KEY) {
        return Error{CUFRAMES_ERROR_INVALID_KEY,
                     text("the key has ", name.size(), " characters; use at most ", CUFRAMES_MAX_KEY)};
    }
    const auto bad = std::find_if_not(name.begin(), name.end(), allowed);
    if (bad != name.end()) {
        return Error{CUFRAMES_ERROR_INVALID_KEY, text("the key \"", name, "\" has an illegal character at position ",
                                                      bad - name.begin() + 1, "; use A-Z a-z 0-9 . _ - only")};
    }
    if (name.front() == '.') {
        return Error{CUFRAMES_ERROR_INVALID_KEY,
                     text("the key \"", name, "\" begins with a dot; begin it with a letter or digit")};
    }
    return {};
}

std::string names_of_contents(uint32_t bits) {
    std::string out;
    for (uint32_t kind = 0; kind < 32; ++kind) {
        if ((bits >> kind & 1) != 0) {
            out += out.empty() ? "" : " or ";
            out += kind == static_cast<uint32_t>(ContentKind::frames)       ? "frames"
                   : kind == static_cast<uint32_t>(ContentKind::packets)    ? "packets"
                   : kind == static_cast<uint32_t>(ContentKind::experiment) ? "an experiment"
                                                                            : text("content ", kind);
        }
    }
    return out.empty() ? "nothing" : out;
}

wire::Geometry to_wire(const cuframes_geometry& g) {
    wire::Geometry out = {g.width, g.height, g.plane_count, 0, {}, {}, g.frame_size};
    std::copy(std::begin(g.format), std::end(g.format), out.format);
    for (size_t i = 0; i < std::size(out.planes); ++i) {
        const cuframes_plane& plane = g.planes[i];
        out.planes[i] = {plane.offset, plane.pitch, plane.row_bytes, plane.rows, 0};
    }
    return out;
}

cuframes_geometry from_wire(const wire::Geometry& g) {
    cuframes_geometry out = {};
    out.struct_size = sizeof(out);
    out.width = g.width;
    out.height = g.height;
    out.plane_count = g.plane_count;
    std::copy(std::begin(g.format), std::end(g.format), out.format);
    for (size_t i = 0; i < std::size(g.planes); ++i) {
        const wire::Plane& plane = g.planes[i];
        out.planes[i] = {plane.offset, plane.pitch, plane.row_bytes, plane.rows, 0};
    }
    out.frame_size = g.frame_size;
    return out;
}

Result<ControlDescription> read_control_header(const void* control, uint64_t control_size, uint64_t parts_size,
                                               ContentKind kind) {
    if (control_size < sizeof(ControlHeader)) {
        return bad_header(text("only ", control_size, " bytes of it"));
    }
    const Copy<ControlHeader> copy(control);
    const ControlHeader& h = *copy;
    if (h.magic != control_magic) {
        return bad_header("it does not begin as that of a cuframes publisher does");
    }
    if (h.version != protocol_version) {
        return Error{CUFRAMES_ERROR_VERSION_MISMATCH,
                     text("the ring has protocol version ", h.version, ", this library speaks ", protocol_version,
                          "; install the same cuframes on both sides")};
    }
    if (h.header_size != sizeof(ControlHeader) || h.content != static_cast<uint32_t>(kind)) {
        return bad_header(text("a header of ", h.header_size, " bytes for content ", h.content));
    }
    if (h.control_size != control_size || h.parts_size != parts_size) {
        return bad_header("its sizes contradict the message that brought it");
    }
    return ControlDescription{h.epoch, h.first_sequence, h.control_size, h.parts_size};
}

Result<LogDescription> read_log_header(const void* control, uint64_t control_size, uint64_t parts_size) {
    auto common = read_control_header(control, control_size, parts_size, ContentKind::packets);
    if (!common) {
        return common.error();
    }
    if (control_size - sizeof(ControlHeader) < sizeof(PacketsHeader)) {
        return bad_header(text("only ", control_size, " bytes of it"));
    }
    const Copy<PacketsHeader> copy(static_cast<const std::byte*>(control) + sizeof(ControlHeader));
    const PacketsHeader& h = *copy;
    if (h.max_count == 0 || h.entries_offset % alignof(PacketEntry) != 0 || h.caps_offset % alignof(CapsEntry) != 0 ||
        !fits(h.entries_offset, h.max_count, sizeof(PacketEntry), control_size) ||
        !fits(h.caps_offset, packet_caps, sizeof(CapsEntry), control_size)) {
        return bad_header(text(h.max_count, " packets, or their caps, reach beyond the control memory"));
    }
    return LogDescription{*common, h.max_time, h.max_count, h.entries_offset, h.caps_offset};
}

Result<RingDescription> read_ring_header(const void* control, uint64_t control_size, uint64_t parts_size) {
    auto common = read_control_header(control, control_size, parts_size, ContentKind::frames);
    if (!common) {
        return common.error();
    }
    if (control_size - sizeof(ControlHeader) < sizeof(FramesHeader)) {
        return bad_header(text("only ", control_size, " bytes of it"));
    }
    const Copy<FramesHeader> copy(static_cast<const std::byte*>(control) + sizeof(ControlHeader));
    const FramesHeader& h = *copy;
    if (h.memory != CUFRAMES_MEMORY_HOST && h.memory != CUFRAMES_MEMORY_CUDA) {
        return bad_header(text("unknown memory kind ", h.memory));
    }
    if (h.slot_count < 2 || h.slot_count > CUFRAMES_MAX_SLOTS || h.slot_stride < h.geometry.frame_size ||
        h.chunk_slots == 0 || !fits(0, h.chunk_slots, h.slot_stride, h.chunk_stride) ||
        !fits(0, (h.slot_count - 1) / h.chunk_slots + 1, h.chunk_stride, parts_size)) {
        return bad_header(text(h.slot_count, " slots of ", h.slot_stride, " bytes, ", h.chunk_slots, " in each ",
                               h.chunk_stride, ", in ", parts_size));
    }
    if (h.caps_size > max_caps_size || !fits(h.caps_offset, 1, h.caps_size, control_size) ||
        h.records_offset % alignof(SlotRecord) != 0 ||
        !fits(h.records_offset, h.slot_count, sizeof(SlotRecord), control_size) ||
        h.metadata_stride > max_metadata_size ||
        !fits(h.metadata_offset, h.slot_count, h.metadata_stride, control_size)) {
        return bad_header("an area reaches beyond the control memory");
    }
    const cuframes_geometry geometry = from_wire(h.geometry);
    if (auto checked = check_geometry(geometry); !checked) {
        return bad_header(checked.error().message);
    }
    RingDescription out{*common,          h.slot_stride,     h.chunk_stride,
                        h.slot_count,     h.chunk_slots,     static_cast<cuframes_memory>(h.memory),
                        h.records_offset, h.metadata_offset, h.metadata_stride,
                        h.gpu_uuid,       geometry,          {}};
    out.caps.assign(static_cast<const char*>(control) + h.caps_offset, h.caps_size);
    if (!is_utf8(out.caps)) {
        return bad_header("its caps are no text");
    }
    return out;
}

} // namespace cuframes::core
