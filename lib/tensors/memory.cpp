// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensors/memory.h"

#include "tensors/device.h"

#include <cstdlib>
#include <new>

namespace cuframes::tensors {
namespace {

/// What DLPack asks of data pointers, so that vector code may read without a prologue.
constexpr size_t host_alignment = 256;

} // namespace

void OwnedFrame::Free::operator()(void* memory) const { std::free(memory); }

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
                                                     DLDevice device, int64_t name) noexcept try {
    const bool on_host = is_on_host(device) && is_on_host(source.device);
    if (!on_host && !source.steps.empty()) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, "the driver copies compact rows alone"};
    }
    StreamRef stream = {};
    if (!on_host) {
        // A copy must be queued somewhere, also for a consumer that orders its work itself.
        auto resolved = resolve_stream(is_on_host(device) ? source.device.device_id : device.device_id,
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
    const core::Planes target = core::planes_at(geometry, frame->data_);
    if (on_host && !source.steps.empty()) {
        gather_planes(target, source, geometry);
        return frame;
    }
    if (on_host) {
        core::copy_planes(target, source.planes, geometry);
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
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

Result<> OwnedFrame::order(int64_t name) const noexcept try {
    if (device_.device_type != kDLCUDA || name == stream_no_sync) {
        return {};
    }
    auto stream = resolve_stream(device_.device_id, name);
    if (!stream) {
        return stream.error();
    }
    return block_.order(*stream);
} catch (const std::bad_alloc&) {
    return core::out_of_memory();
}

} // namespace cuframes::tensors
