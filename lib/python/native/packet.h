// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <nanobind/nanobind.h>

#include <string>

namespace cuframes::python {

namespace nb = nanobind;

/// A packet: a reference to the reader's own copy of it, which holds nothing of its publisher.
class Packet {
public:
    explicit Packet(cuframes_packet* owned) : packet_(owned) {}
    Packet(const Packet&) = delete;
    ~Packet() { cuframes_packet_unref(packet_); }

    const cuframes_packet_view& view() const { return *cuframes_packet_get(packet_); }
    cuframes_packet* share() const { return cuframes_packet_ref(packet_); }

    std::string caps() const { return view().caps; }
    nb::bytes metadata() const { return nb::bytes(view().metadata, view().metadata_size); }

private:
    cuframes_packet* const packet_;
};

void bind_packet(nb::module_& module);

/// Adds `PacketData`: the bytes of a packet by the buffer protocol. No class of nanobind's, whose heirs may have no
/// other base.
void bind_packet_data(nb::module_& module);

} // namespace cuframes::python
