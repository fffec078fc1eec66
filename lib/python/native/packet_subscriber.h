// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "packet.h"
#include "reader.h"

#include <memory>
#include <string>

namespace cuframes::python {

/// A subscriber of packets.
class PacketSubscriber final : public Reader {
public:
    /// `start_time` and `preroll` are for the starts that have them.
    PacketSubscriber(const std::string& key, const std::string& directory, const std::string& name, int mode,
                     bool end_when_gone, int start, uint64_t preroll, int64_t start_time);

    std::unique_ptr<Packet> next(int64_t timeout_ms);
    nb::dict window();
};

/// As Python has it, with None for what is not known.
nb::dict to_dict(const cuframes_packet_window& window);

void bind_packet_subscriber(nb::module_& module);

} // namespace cuframes::python
