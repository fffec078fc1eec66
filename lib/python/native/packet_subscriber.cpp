// SPDX-License-Identifier: LGPL-2.1-or-later
#include "packet_subscriber.h"

#include "errors.h"
#include "times.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

namespace cuframes::python {
namespace {

/// The options point into the strings.
cuframes_subscriber_options options_of(const std::string& key, const std::string& directory, const std::string& name,
                                       int mode, bool end_when_gone, int start, uint64_t preroll, int64_t start_time) {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = key.c_str();
    options.directory = directory.empty() ? nullptr : directory.c_str();
    options.name = name.empty() ? nullptr : name.c_str();
    options.mode = static_cast<cuframes_mode>(mode);
    options.end_when_gone = end_when_gone;
    options.content = CUFRAMES_CONTENT_PACKETS;
    options.start = static_cast<cuframes_start>(start);
    options.preroll = preroll;
    options.start_time = given_time(start_time);
    return options;
}

} // namespace

PacketSubscriber::PacketSubscriber(const std::string& key, const std::string& directory, const std::string& name,
                                   int mode, bool end_when_gone, int start, uint64_t preroll, int64_t start_time)
    : Reader(options_of(key, directory, name, mode, end_when_gone, start, preroll, start_time)) {}

std::unique_ptr<Packet> PacketSubscriber::next(int64_t timeout_ms) {
    cuframes_packet* packet = nullptr;
    take(timeout_ms,
         [&packet](cuframes_subscriber* handle) { return cuframes_subscriber_next_packet(handle, 0, &packet); });
    return std::make_unique<Packet>(packet);
}

nb::dict PacketSubscriber::window() {
    cuframes_packet_window window;
    CUFRAMES_INIT(window);
    ask([&window](cuframes_subscriber* handle) { return cuframes_subscriber_get_packet_window(handle, &window); });
    return to_dict(window);
}

nb::dict to_dict(const cuframes_packet_window& window) {
    nb::dict out;
    out["packets"] = window.packets;
    out["keyframes"] = window.keyframes;
    out["bytes"] = window.bytes;
    out["oldest_time"] = known_time(window.oldest_time);
    out["newest_time"] = known_time(window.newest_time);
    out["keyframe_time"] = known_time(window.keyframe_time);
    out["bit_rate"] = window.bit_rate;
    return out;
}

void bind_packet_subscriber(nb::module_& module) {
    nb::class_<PacketSubscriber, Reader>(module, "PacketSubscriber", "A subscriber of packets.")
        .def(nb::init<const std::string&, const std::string&, const std::string&, int, bool, int, uint64_t, int64_t>(),
             nb::arg("key"), nb::arg("directory"), nb::arg("name"), nb::arg("mode"), nb::arg("end_when_gone"),
             nb::arg("start"), nb::arg("preroll"), nb::arg("start_time"))
        .def("next", &PacketSubscriber::next, nb::arg("timeout_ms"))
        .def("window", &PacketSubscriber::window);
}

} // namespace cuframes::python
