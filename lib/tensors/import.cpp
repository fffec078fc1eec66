// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/import.h"

#include "tensors/device.h"

#include <algorithm>
#include <new>

namespace cuframes::tensors {

std::string dtype_text(const DLDataType& dtype) noexcept {
    static constexpr const char* kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
    const char* kind = dtype.code < std::size(kinds) ? kinds[dtype.code] : "unknown";
    return text(kind, static_cast<int>(dtype.bits), dtype.lanes == 1 ? "" : " in lanes");
}

namespace {

using Kind = Mismatch::Kind;

std::string shape_text(const DLTensor& tensor) {
    std::string out = "(";
    for (int32_t i = 0; i < tensor.ndim; ++i) {
        out += text(i ? ", " : "", tensor.shape[i]);
    }
    return out + ")";
}

/// Elements from one index to the next of a dimension; NULL strides mean a compact tensor.
int64_t stride_of(const DLTensor& tensor, int32_t dimension) {
    if (tensor.strides) {
        return tensor.strides[dimension];
    }
    int64_t stride = 1;
    for (int32_t i = dimension + 1; i < tensor.ndim; ++i) {
        stride *= tensor.shape[i];
    }
    return stride;
}

/// What one plane has to be.
struct Wanted {
    uint32_t plane;
    uint32_t rows;
    uint32_t columns;
    PlaneFormat content;
    std::string_view format;

    uint32_t flat() const { return columns * content.channels; }
    std::string name() const { return text("plane ", plane, " of ", format); }
    std::string shapes() const {
        std::string flat_shape = text("(", rows, ", ", flat(), ")");
        return content.channels > 1
                   ? text("(", rows, ", ", columns, ", ", static_cast<int>(content.channels), ") or ", flat_shape)
                   : flat_shape;
    }
};

bool has_shape(const DLTensor& tensor, const Wanted& wanted) {
    const int64_t* shape = tensor.shape;
    if (tensor.ndim == 2) {
        return shape[0] == wanted.rows && shape[1] == wanted.flat();
    }
    return tensor.ndim == 3 && shape[0] == wanted.rows && shape[1] == wanted.columns &&
           shape[2] == wanted.content.channels;
}

bool has_channels_first(const DLTensor& tensor, const Wanted& wanted) {
    const int64_t* shape = tensor.shape;
    return tensor.ndim == 3 && shape[0] == wanted.content.channels && shape[1] == wanted.rows &&
           shape[2] == wanted.columns;
}

Steps steps_of(const DLTensor& tensor, const Wanted& wanted) {
    const int64_t bytes = wanted.content.bytes;
    if (tensor.ndim == 2) {
        const int64_t element = stride_of(tensor, 1) * bytes;
        return {stride_of(tensor, 0) * bytes, element * wanted.content.channels, element};
    }
    const bool first = !has_shape(tensor, wanted);
    return {stride_of(tensor, first ? 1 : 0) * bytes, stride_of(tensor, first ? 2 : 1) * bytes,
            stride_of(tensor, first ? 0 : 2) * bytes};
}

/// A plane where a tensor has it. One that is not in compact rows has no pitch.
struct ReadPlane {
    core::PlaneRef plane;
    Steps steps;
};

std::variant<ReadPlane, Mismatch> read_plane(const DLTensor& tensor, const Wanted& wanted, Strides strides) {
    const DLDataType& dtype = tensor.dtype;
    if (dtype.code != kDLUInt || dtype.bits != 8 * wanted.content.bytes || dtype.lanes != 1) {
        return Mismatch{Kind::dtype, text(wanted.name(), " takes uint", 8 * wanted.content.bytes, ", not ",
                                          dtype_text(dtype), "; convert it first")};
    }
    const bool any = strides == Strides::any && is_on_host(tensor.device);
    const bool in_order = has_shape(tensor, wanted);
    if (!in_order && !(any && has_channels_first(tensor, wanted))) {
        return Mismatch{Kind::value,
                        text(wanted.name(), " has the shape ", wanted.shapes(), ", not ", shape_text(tensor))};
    }
    const bool compact = in_order && has_compact_rows(tensor);
    if (!compact && !any) {
        return Mismatch{Kind::value, text(wanted.name(),
                                          " needs elements of a row side by side, and rows that do not overlap; these "
                                          "strides are others: make the tensor contiguous first")};
    }
    ReadPlane out = {{static_cast<std::byte*>(tensor.data) + tensor.byte_offset, 0}, steps_of(tensor, wanted)};
    if (compact) {
        const int64_t row = int64_t{wanted.flat()} * wanted.content.bytes;
        out.plane.pitch = static_cast<uint64_t>(tensor.shape[0] > 1 ? out.steps.row : row);
    }
    return out;
}

/// Keeps the steps of all planes where one needs them.
SourceFrame frame_of(const DLDevice& device, const std::vector<ReadPlane>& planes) {
    SourceFrame frame{device, {}, {}};
    const bool gather =
        std::any_of(planes.begin(), planes.end(), [](const ReadPlane& one) { return !one.plane.pitch; });
    for (const ReadPlane& one : planes) {
        frame.planes.push_back(one.plane);
        if (gather) {
            frame.steps.push_back(one.steps);
        }
    }
    return frame;
}

std::optional<Mismatch> check_device(const DLDevice& device, const DLDevice& first, uint32_t plane) {
    switch (device.device_type) {
    case kDLCPU:
    case kDLCUDA:
    case kDLCUDAHost:
    case kDLCUDAManaged:
        break;
    default:
        return Mismatch{Kind::unsupported, text("tensors of device type ", static_cast<int>(device.device_type),
                                                " cannot be read; move it to the CPU or to a CUDA device")};
    }
    if (device.device_type != first.device_type || device.device_id != first.device_id) {
        return Mismatch{Kind::value, text("plane ", plane, " is on another device than plane 0; a frame lies on one")};
    }
    return {};
}

Wanted wanted_plane(const PixelFormat& format, const cuframes_geometry& geometry, uint32_t plane) {
    const PlaneFormat& content = format.planes[plane];
    const cuframes_plane& layout = geometry.planes[plane];
    return {plane, layout.rows, layout.row_bytes / (uint32_t{content.channels} * content.bytes), content, format.name};
}

/// Whether all planes' rows are equally long and of the same elements, so that one tensor can hold them all.
bool is_one_block(const PixelFormat& format, const cuframes_geometry& geometry) {
    for (uint32_t i = 1; i < geometry.plane_count; ++i) {
        if (geometry.planes[i].row_bytes != geometry.planes[0].row_bytes ||
            format.planes[i].bytes != format.planes[0].bytes) {
            return false;
        }
    }
    return true;
}

std::variant<SourceFrame, Mismatch> read_one_block(const DLTensor& tensor, const PixelFormat& format,
                                                   const cuframes_geometry& geometry, Strides strides) {
    Wanted wanted = wanted_plane(format, geometry, 0);
    wanted.columns = wanted.flat();
    wanted.content.channels = 1;
    wanted.rows = 0;
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        wanted.rows += geometry.planes[i].rows;
    }
    auto read = read_plane(tensor, wanted, strides);
    if (auto* mismatch = std::get_if<Mismatch>(&read)) {
        mismatch->message +=
            text(" (one tensor for the whole frame; or give one for each of the ", geometry.plane_count, " planes)");
        return std::move(*mismatch);
    }
    std::vector<ReadPlane> planes;
    auto next = std::get<ReadPlane>(read);
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        next.steps.column = next.steps.channel * format.planes[i].channels;
        planes.push_back(next);
        next.plane.data = static_cast<std::byte*>(next.plane.data) + next.steps.row * geometry.planes[i].rows;
    }
    return frame_of(tensor.device, planes);
}

/// The planes of a tensor that has them one after the other in its first dimension.
std::vector<DLTensor> slices_of(const DLTensor& tensor, int64_t (&strides)[2]) {
    strides[0] = stride_of(tensor, 1);
    strides[1] = stride_of(tensor, 2);
    std::vector<DLTensor> out(static_cast<size_t>(tensor.shape[0]), tensor);
    const int64_t step = stride_of(tensor, 0) * tensor.dtype.bits / 8;
    for (size_t i = 0; i < out.size(); ++i) {
        out[i].data = static_cast<std::byte*>(tensor.data) + static_cast<int64_t>(i) * step;
        out[i].ndim = 2;
        out[i].shape = tensor.shape + 1;
        out[i].strides = strides;
    }
    return out;
}

std::variant<SourceFrame, Mismatch> read_planes(const std::vector<const DLTensor*>& tensors, const PixelFormat& format,
                                                const cuframes_geometry& geometry, Strides strides) {
    if (tensors.size() != geometry.plane_count) {
        return Mismatch{Kind::value, text(geometry.format, " has ", geometry.plane_count, " planes, not ",
                                          tensors.size(), "; give one tensor for each")};
    }
    std::vector<ReadPlane> planes;
    for (uint32_t i = 0; i < tensors.size(); ++i) {
        auto read = read_plane(*tensors[i], wanted_plane(format, geometry, i), strides);
        if (auto* mismatch = std::get_if<Mismatch>(&read)) {
            return std::move(*mismatch);
        }
        planes.push_back(std::get<ReadPlane>(read));
    }
    return frame_of(tensors[0]->device, planes);
}

std::variant<SourceFrame, Mismatch> read_tensor(const DLTensor& tensor, const PixelFormat& format,
                                                const cuframes_geometry& geometry, Strides strides) {
    if (tensor.ndim != 3 || tensor.shape[0] != geometry.plane_count) {
        return read_one_block(tensor, format, geometry, strides);
    }
    int64_t steps[2];
    const std::vector<DLTensor> slices = slices_of(tensor, steps);
    std::vector<const DLTensor*> views;
    for (const DLTensor& slice : slices) {
        views.push_back(&slice);
    }
    return read_planes(views, format, geometry, strides);
}

} // namespace

ImportedTensor& ImportedTensor::operator=(ImportedTensor&& other) noexcept {
    std::swap(legacy_, other.legacy_);
    std::swap(versioned_, other.versioned_);
    return *this;
}

ImportedTensor::~ImportedTensor() {
    if (legacy_ && legacy_->deleter) {
        legacy_->deleter(legacy_);
    }
    if (versioned_ && versioned_->deleter) {
        versioned_->deleter(versioned_);
    }
}

bool ImportedTensor::is_readable() const noexcept {
    return !versioned_ || versioned_->version.major == DLPACK_MAJOR_VERSION;
}

bool has_compact_rows(const DLTensor& tensor) noexcept {
    int64_t expected = 1;
    for (int32_t i = tensor.ndim - 1; i > 0; --i) {
        if (tensor.shape[i] != 1 && stride_of(tensor, i) != expected) {
            return false;
        }
        expected *= tensor.shape[i];
    }
    return tensor.ndim == 0 || tensor.shape[0] <= 1 || stride_of(tensor, 0) >= expected;
}

std::variant<SourceFrame, Mismatch> read_tensors(const std::vector<const DLTensor*>& tensors,
                                                 const cuframes_geometry& geometry, Strides strides) noexcept try {
    const PixelFormat* format = find_format(geometry.format);
    const Refusal refusal = format ? format->refusal : Refusal::unknown;
    if (refusal != Refusal::none) {
        return Mismatch{Kind::unsupported, refusal_text(geometry.format, refusal)};
    }
    for (uint32_t i = 0; i < tensors.size(); ++i) {
        if (auto wrong = check_device(tensors[i]->device, tensors[0]->device, i)) {
            return std::move(*wrong);
        }
    }
    if (tensors.size() == 1 && geometry.plane_count > 1 && is_one_block(*format, geometry)) {
        return read_tensor(*tensors[0], *format, geometry, strides);
    }
    return read_planes(tensors, *format, geometry, strides);
} catch (const std::bad_alloc&) {
    return Mismatch{Kind::unsupported, core::out_of_memory().message};
}

} // namespace cuframes::tensors
