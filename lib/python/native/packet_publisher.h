// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"
#include "writer.h"

#include <atomic>
#include <functional>
#include <string>

namespace cuframes::python {

/// A publisher of packets.
class PacketPublisher final : public Writer {
public:
    PacketPublisher(const std::string& key, const std::string& directory, const std::string& access, int policy,
                    uint32_t wait_timeout_ms, uint32_t max_subscribers, uint64_t max_time, uint64_t max_bytes);

    void set_caps(const std::string& caps);
    /// Publishes a copy of what has the buffer protocol; times of -1 are unknown.
    void send(nb::handle data, int64_t pts, int64_t dts, int64_t duration, bool delta, uint32_t flags,
              nb::bytes metadata);
    nb::dict window();

private:
    using Call = std::function<int(cuframes_publisher*)>;

    /// Makes a call that waits for readers if the policy says so; Ctrl-C ends it.
    void wait_for(const Call& call);
    core::Error repeat(const Handle& handle, const Call& call, const std::atomic<bool>& given_up);

    const bool waits_;
};

void bind_packet_publisher(nb::module_& module);

} // namespace cuframes::python
