// SPDX-License-Identifier: LGPL-2.1-or-later
#include "packet.h"

#include "times.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

namespace cuframes::python {

void bind_packet(nb::module_& module) {
    nb::class_<Packet>(module, "Packet", "A packet, as its publisher described it.")
        .def_prop_ro("caps", &Packet::caps)
        .def_prop_ro("metadata", &Packet::metadata)
        .def_prop_ro("epoch", [](const Packet& self) { return self.view().epoch; })
        .def_prop_ro("caps_version", [](const Packet& self) { return self.view().caps_version; })
        .def_prop_ro("sequence", [](const Packet& self) { return self.view().sequence; })
        .def_prop_ro("missed", [](const Packet& self) { return self.view().missed; })
        .def_prop_ro("behind", [](const Packet& self) { return self.view().behind; })
        .def_prop_ro("discontinuity", [](const Packet& self) { return self.view().discontinuity; })
        .def_prop_ro("delta", [](const Packet& self) { return self.view().delta; })
        .def_prop_ro("publish_time", [](const Packet& self) { return self.view().publish_time; })
        .def_prop_ro("flags", [](const Packet& self) { return self.view().flags; })
        .def_prop_ro("pts", [](const Packet& self) { return known_time(self.view().pts); })
        .def_prop_ro("dts", [](const Packet& self) { return known_time(self.view().dts); })
        .def_prop_ro("duration", [](const Packet& self) { return known_time(self.view().duration); });
}

} // namespace cuframes::python
