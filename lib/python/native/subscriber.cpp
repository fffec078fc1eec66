// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

namespace cuframes::python {
namespace {

/// The options point into the strings.
cuframes_subscriber_options options_of(const std::string& key, const std::string& directory, const std::string& name,
                                       int mode, uint32_t max_held, bool end_when_gone, int32_t cuda_device,
                                       int release) {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = key.c_str();
    options.directory = directory.empty() ? nullptr : directory.c_str();
    options.name = name.empty() ? nullptr : name.c_str();
    options.mode = static_cast<cuframes_mode>(mode);
    options.max_held = max_held;
    options.end_when_gone = end_when_gone;
    options.cuda_device = cuframes_some(static_cast<uint64_t>(cuda_device));
    options.release = static_cast<cuframes_release>(release);
    return options;
}

} // namespace

Subscriber::Subscriber(const std::string& key, const std::string& directory, const std::string& name, int mode,
                       uint32_t max_held, bool end_when_gone, int32_t cuda_device, int release)
    : Reader(options_of(key, directory, name, mode, max_held, end_when_gone, cuda_device, release)) {}

std::unique_ptr<RingFrame> Subscriber::next(int64_t timeout_ms) {
    cuframes_frame* frame = nullptr;
    take(timeout_ms, [&frame](cuframes_subscriber* handle) { return cuframes_subscriber_next(handle, 0, &frame); });
    return std::make_unique<RingFrame>(frame);
}

void bind_subscriber(nb::module_& module) {
    nb::class_<Subscriber, Reader>(module, "Subscriber", "A subscriber of frames.")
        .def(nb::init<const std::string&, const std::string&, const std::string&, int, uint32_t, bool, int32_t, int>(),
             nb::arg("key"), nb::arg("directory"), nb::arg("name"), nb::arg("mode"), nb::arg("max_held"),
             nb::arg("end_when_gone"), nb::arg("cuda_device"), nb::arg("release"))
        .def("next", &Subscriber::next, nb::arg("timeout_ms"));
}

} // namespace cuframes::python
