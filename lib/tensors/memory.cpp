// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/memory.h"

#include <cstdlib>
#include <cstring>

namespace cuframes::tensors {
namespace {

/// What DLPack asks of data pointers, so that vector code may read without a prologue.
constexpr size_t host_alignment = 256;

std::vector<SourcePlane> planes_of(const cuframes_geometry& geometry, void* data) {
    std::vector<SourcePlane> planes;
    for (uint32_t i = 0; i < geometry.plane_count; ++i) {
        planes.push_back({static_cast<std::byte*>(data) + geometry.planes[i].offset, geometry.planes[i].pitch});
    }
    return planes;
}

bool is_host(const DLDevice& device) { return device.device_type == kDLCPU || device.device_type == kDLCUDAHost; }

} // namespace

void OwnedFrame::Free::operator()(void* memory) const { std::free(memory); }

void copy_rows(const SourcePlane& to, const SourcePlane& from, const cuframes_plane& plane) {
    auto* target = static_cast<std::byte*>(to.data);
    const auto* source = static_cast<const std::byte*>(from.data);
    if (to.pitch == from.pitch && to.pitch == plane.row_bytes) {
        std::memcpy(target, source, uint64_t{plane.row_bytes} * plane.rows);
        return;
    }
    for (uint32_t row = 0; row < plane.rows; ++row) {
        std::memcpy(target + to.pitch * row, source + from.pitch * row, plane.row_bytes);
    }
}

Result<> OwnedFrame::allocate(const StreamRef& stream) {
    if (device_.device_type == kDLCUDA) {
        auto block = DeviceBlock::allocate(device_.device_id, geometry_.frame_size, stream);
        if (!block) {
            return block.error();
        }
        block_ = std::move(*block);
        data_ = block_.data();
        return {};
    }
    const size_t size = (geometry_.frame_size + host_alignment - 1) / host_alignment * host_alignment;
    host_.reset(std::aligned_alloc(host_alignment, size));
    data_ = host_.get();
    if (!data_) {
        return Error{CUFRAMES_ERROR_NO_MEMORY, text("no memory for a copy of ", geometry_.frame_size, " bytes")};
    }
    return {};
}

Result<std::shared_ptr<OwnedFrame>> OwnedFrame::copy(const SourceFrame& source, const cuframes_geometry& geometry,
                                                     DLDevice device, int64_t name) {
    const bool on_host = is_host(device) && is_host(source.device);
    StreamRef stream = {};
    if (!on_host) {
        // A copy must be queued somewhere, also for a consumer that orders its work itself.
        auto resolved = resolve_stream(is_host(device) ? source.device.device_id : device.device_id,
                                       name == stream_no_sync ? stream_none : name);
        if (!resolved) {
            return resolved.error();
        }
        stream = *resolved;
        if (auto runs = check_runs(stream); !runs) {
            return runs.error();
        }
    }
    std::shared_ptr<OwnedFrame> frame(new OwnedFrame(geometry, device));
    if (auto allocated = frame->allocate(stream); !allocated) {
        return allocated.error();
    }
    const std::vector<SourcePlane> target = planes_of(geometry, frame->data_);
    if (on_host) {
        for (uint32_t i = 0; i < geometry.plane_count; ++i) {
            copy_rows(target[i], source.planes[i], geometry.planes[i]);
        }
        return frame;
    }
    Result<> done = copy_with_gpu({device, target}, {source.device, source.planes}, geometry, stream);
    if (done && device.device_type == kDLCUDA) {
        done = frame->block_.made_on(stream);
    }
    if (!done) {
        return done.error();
    }
    return frame;
}

Result<> OwnedFrame::order(int64_t name) const {
    if (device_.device_type != kDLCUDA || name == stream_no_sync) {
        return {};
    }
    auto stream = resolve_stream(device_.device_id, name);
    if (!stream) {
        return stream.error();
    }
    return block_.order(*stream);
}

} // namespace cuframes::tensors
