// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/generation.h"

namespace cuframes::core {

Result<AdoptedGeneration::Mapped> AdoptedGeneration::map(const Datagram& datagram, size_t descriptors) {
    Generation message;
    if (!datagram.as(message, descriptors)) {
        return Error{CUFRAMES_ERROR_PROTOCOL, "the publisher sent a damaged generation message"};
    }
    auto control = map_shared_memory(datagram.fds[0], message.control_size, Access::read_only);
    if (!control) {
        return control.error();
    }
    auto page = map_shared_memory(datagram.fds[1], reader_page_size, Access::read_write);
    if (!page) {
        return page.error();
    }
    return Mapped{message, std::move(*control), std::move(*page)};
}

void AdoptedGeneration::tell_adopted(const Mapping& page) {
    ring::adopt(reinterpret_cast<ReaderPage*>(page.data())->adopted);
}

Result<> AdoptedGeneration::pass_over(const Datagram& datagram) {
    auto page = map_shared_memory(datagram.fds[1], reader_page_size, Access::read_write);
    if (!page) {
        return page.error();
    }
    tell_adopted(*page);
    return {};
}

bool AdoptedGeneration::is_superseded(const Datagram& datagram) {
    Generation message;
    if (!datagram.as(message, datagram.fd_count) || message.control_size < sizeof(ControlHeader)) {
        return false; // map() says what is wrong.
    }
    auto control = map_shared_memory(datagram.fds[0], sizeof(ControlHeader), Access::read_only);
    return control && reinterpret_cast<const ControlHeader*>(control->data())->state.stream.load() ==
                          static_cast<uint32_t>(StreamState::superseded);
}

void AdoptedGeneration::tell_progress() const { (void)link_->connection.send(Progress{}); }

bool AdoptedGeneration::may_sleep(StreamState before) {
    sleeps_ += sleeps_ == UINT32_MAX ? 2 : 1; // Not 0.
    return ring::may_sleep(page().sleeping, sleeps_, [&] { return has_more() || stream_state() != before; });
}

void AdoptedGeneration::tell_counters(uint64_t received, uint64_t skipped, uint64_t lost) {
    page().received.store(received, std::memory_order_relaxed);
    page().skipped.store(skipped, std::memory_order_relaxed);
    page().lost.store(lost, std::memory_order_relaxed);
}

} // namespace cuframes::core
