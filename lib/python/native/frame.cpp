// SPDX-License-Identifier: LGPL-2.1-or-later
#include "frame.h"

#include "errors.h"
#include "times.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

namespace cuframes::python {

RingFrame::RingFrame(cuframes_frame* owned)
    : frame_(owned), geometry_(*cuframes_frame_get(owned)->geometry), view_(*cuframes_frame_get(owned)) {}

cuframes_frame* RingFrame::held() const {
    if (!frame_) {
        refuse("this frame was released; take tensors from it before, they stay valid after");
    }
    if (process_ != ::getpid()) {
        refuse("this frame was taken before fork(); the parent may release it at any time");
    }
    return frame_;
}

tensors::Pixels RingFrame::pixels() const {
    const std::lock_guard lock(mutex_);
    held();
    const DLDevice device =
        view_.memory == CUFRAMES_MEMORY_CUDA ? DLDevice{kDLCUDA, view_.cuda_device} : DLDevice{kDLCPU, 0};
    return {&geometry_, const_cast<void*>(view_.data), device, true};
}

tensors::Owner RingFrame::keep(int64_t stream) {
    // A published frame is complete: no stream has to wait for it, but the lease has to wait for the stream.
    record_stream(stream);
    const std::lock_guard lock(mutex_);
    return {cuframes_frame_ref(held()), [](void* frame) { cuframes_frame_unref(static_cast<cuframes_frame*>(frame)); }};
}

void RingFrame::record_stream(int64_t stream) {
    if (view_.memory != CUFRAMES_MEMORY_CUDA || stream == tensors::stream_no_sync) {
        return;
    }
    auto resolved = tensors::resolve_stream(view_.cuda_device, stream);
    if (!resolved) {
        refuse(resolved.error().message);
    }
    const int code = [&] {
        const std::lock_guard lock(mutex_);
        return cuframes_frame_record_stream(held(), *resolved);
    }();
    check(code);
}

void RingFrame::release() {
    cuframes_frame* last = nullptr;
    {
        const std::lock_guard lock(mutex_);
        last = std::exchange(frame_, nullptr);
    }
    cuframes_frame_unref(last);
}

bool RingFrame::released() const {
    const std::lock_guard lock(mutex_);
    return !frame_;
}

std::string RingFrame::caps() const {
    const std::lock_guard lock(mutex_);
    held();
    return view_.caps;
}

nb::bytes RingFrame::metadata() const {
    const std::lock_guard lock(mutex_);
    held();
    return nb::bytes(view_.metadata, view_.metadata_size);
}

void bind_frame(nb::module_& module) {
    nb::class_<RingFrame, Source>(module, "RingFrame", "A frame of a ring, leased.")
        .def("release", &RingFrame::release)
        .def("record_stream", &RingFrame::record_stream, nb::arg("stream"))
        .def_prop_ro("released", &RingFrame::released)
        .def_prop_ro("caps", &RingFrame::caps)
        .def_prop_ro("metadata", &RingFrame::metadata)
        .def_prop_ro("format", [](const RingFrame& self) { return std::string(self.geometry().format); })
        .def_prop_ro("width", [](const RingFrame& self) { return self.geometry().width; })
        .def_prop_ro("height", [](const RingFrame& self) { return self.geometry().height; })
        .def_prop_ro("plane_count", [](const RingFrame& self) { return self.geometry().plane_count; })
        .def_prop_ro("frame_size", [](const RingFrame& self) { return self.geometry().frame_size; })
        .def_prop_ro("cuda_device", [](const RingFrame& self) { return self.view().cuda_device; })
        .def_prop_ro("slot", [](const RingFrame& self) { return self.view().slot; })
        .def_prop_ro("epoch", [](const RingFrame& self) { return self.view().epoch; })
        .def_prop_ro("sequence", [](const RingFrame& self) { return self.view().sequence; })
        .def_prop_ro("missed", [](const RingFrame& self) { return self.view().missed; })
        .def_prop_ro("discontinuity", [](const RingFrame& self) { return self.view().discontinuity; })
        .def_prop_ro("publish_time", [](const RingFrame& self) { return self.view().publish_time; })
        .def_prop_ro("flags", [](const RingFrame& self) { return self.view().flags; })
        .def_prop_ro("pts", [](const RingFrame& self) { return known_time(self.view().pts); })
        .def_prop_ro("dts", [](const RingFrame& self) { return known_time(self.view().dts); })
        .def_prop_ro("duration", [](const RingFrame& self) { return known_time(self.view().duration); });
}

} // namespace cuframes::python
