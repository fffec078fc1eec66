// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/attached.h"

#include <algorithm>
#include <cstring>

namespace cuframes {

bool AttachedSubscriber::send_generation(const Connection& connection, const RingGeneration& generation,
                                         uint64_t position) {
    auto page = create_shared_memory("cuframes-leases", lease_page_size, lease_page_size, Writers::anybody);
    if (!page) {
        return false;
    }
    auto& words = *new (page->mapping.data()) LeasePage{};
    if (const LeasePage* old = this->page()) {
        // The subscriber's own counters go on; it cannot copy them itself before it has seen the new page.
        words.received.store(old->received.load());
        words.skipped.store(old->skipped.load());
        words.lost.store(old->lost.load());
    }
    words.position.store(position);
    page_ = std::move(*page);
    Generation message = {};
    message.epoch = generation.epoch();
    message.control_size = generation.control_size();
    message.frames_size = generation.store().size();
    return connection.send(message, {generation.control_fd(), generation.store().chunk_fd(0), page_.fd.get()}) &&
           send_chunks(connection, generation, 1);
}

bool AttachedSubscriber::send_chunks(const Connection& connection, const RingGeneration& generation, uint32_t first) {
    for (uint32_t chunk = first; chunk < generation.store().chunks(); ++chunk) {
        Chunk message = {};
        message.index = chunk;
        if (!connection.send(message, {generation.store().chunk_fd(chunk)})) {
            return false;
        }
    }
    return true;
}

cuframes_subscriber_info AttachedSubscriber::info(uint64_t last_sequence) const {
    cuframes_subscriber_info out = {};
    out.id = id_;
    std::strncpy(out.name, name_.c_str(), sizeof(out.name) - 1);
    out.pid = pid_;
    out.mode = mode_;
    out.max_held = granted_;
    if (const LeasePage* words = page()) {
        out.held =
            static_cast<uint32_t>(std::count_if(words->leases.begin(), words->leases.begin() + granted_ + copies_,
                                                [](const auto& lease) { return lease.load() != 0; }));
        const uint64_t position = words->position.load();
        out.lag = last_sequence > position ? last_sequence - position : 0;
        out.received = words->received.load();
        out.skipped = words->skipped.load();
        out.lost = words->lost.load();
    }
    return out;
}

} // namespace cuframes
