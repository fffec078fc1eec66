// SPDX-License-Identifier: LGPL-2.1-or-later
#include "errors.h"
#include "publisher.h"
#include "tensors/device.h"
#include "times.h"
#include "unlocked.h"

namespace cuframes::python {

Slot::Slot(cuframes_slot* owned, const cuframes_geometry& geometry, DLDevice device)
    : slot_(owned, cuframes_slot_release), geometry_(geometry), device_(device) {}

Slot::Handle Slot::held() const {
    const std::lock_guard lock(mutex_);
    if (!slot_) {
        refuse("this slot was given back; acquire another");
    }
    return slot_;
}

tensors::Pixels Slot::pixels() const { return {&geometry_, cuframes_slot_data(held().get()), device_, false}; }

tensors::Owner Slot::keep(int64_t stream) {
    record_stream(stream);
    return {new Handle(held()), [](void* object) { delete static_cast<Handle*>(object); }};
}

void Slot::record_stream(int64_t stream) {
    if (device_.device_type != kDLCUDA || stream == tensors::stream_no_sync) {
        return;
    }
    auto resolved = tensors::resolve_stream(device_.device_id, stream);
    if (!resolved) {
        refuse(resolved.error().message);
    }
    // Publishing waits for it, and so does whoever gets the slot after it was given back unpublished.
    check(cuframes_slot_record_stream(held().get(), *resolved));
    const std::lock_guard lock(mutex_);
    last_stream_ = *resolved;
}

void Slot::publish(int64_t pts, int64_t dts, int64_t duration, uint32_t flags, nb::bytes metadata) {
    const Handle slot = held();
    cuframes_frame_info info;
    CUFRAMES_INIT(info);
    info.flags = flags;
    info.pts = given_time(pts);
    info.dts = given_time(dts);
    info.duration = given_time(duration);
    info.metadata = metadata.size() > 0 ? metadata.c_str() : nullptr;
    info.metadata_size = metadata.size();
    core::StreamRef stream = {};
    {
        const std::lock_guard lock(mutex_);
        stream = last_stream_;
    }
    check(unlocked([&] { return cuframes_slot_publish(slot.get(), &info, stream); }));
}

void Slot::write(const tensors::SourceFrame& source, const core::StreamRef& stream) {
    if (!source.steps.empty()) {
        const Handle slot = held();
        unlocked([&] {
            tensors::gather_planes(core::planes_at(geometry_, cuframes_slot_data(slot.get())), source, geometry_);
        });
        return;
    }
    cuframes_image image;
    CUFRAMES_INIT(image);
    const bool on_gpu = tensors::is_on_gpu(source.device);
    image.memory = on_gpu ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
    image.plane_count = geometry_.plane_count;
    for (uint32_t i = 0; i < image.plane_count; ++i) {
        image.planes[i] = source.planes[i].data;
        image.pitch[i] = static_cast<uint32_t>(source.planes[i].pitch);
    }
    image.cuda_stream = stream;
    const Handle slot = held();
    check(unlocked([&] { return cuframes_slot_write(slot.get(), &image); }));
    if (stream.context) {
        const std::lock_guard lock(mutex_);
        last_stream_ = stream;
    }
}

void Slot::release() {
    const std::lock_guard lock(mutex_);
    slot_.reset();
}

bool Slot::released() const {
    const std::lock_guard lock(mutex_);
    return !slot_;
}

uint32_t Slot::index() const { return cuframes_slot_index(held().get()); }

uint64_t Slot::epoch() const { return cuframes_slot_epoch(held().get()); }

} // namespace cuframes::python
