// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/member.h"

#include <cstring>

namespace cuframes::core {

Sent Member::serve(const ContentGeneration& generation, uint64_t position) {
    if (leaving_ || !ready()) {
        return Sent::yes;
    }
    if (epoch_ != generation.epoch()) {
        return send_generation(generation, position);
    }
    return asked_ ? send_parts(generation) : Sent::yes;
}

Sent Member::send_generation(const ContentGeneration& generation, uint64_t position) {
    auto page = create_shared_memory("cuframes-page", reader_page_size, reader_page_size, Writers::anybody);
    if (!page) {
        shortage_ = page.error().message;
        return Sent::shortage;
    }
    shortage_.clear();
    auto& words = *new (page->mapping.data()) ReaderPage{};
    if (const ReaderPage* old = this->page()) {
        // The subscriber's own counters go on; it cannot copy them itself before it has seen the new page.
        words.received.store(old->received.load());
        words.skipped.store(old->skipped.load());
        words.lost.store(old->lost.load());
    }
    words.position.store(position);
    Generation message = {};
    message.epoch = generation.epoch();
    message.control_size = generation.control_size();
    message.parts_size = generation.parts_size();
    const bool has_parts = generation.parts() > 0;
    const Sent sent = has_parts
                          ? connection_->send(message, {generation.control_fd(), page->fd.get(), generation.part_fd(0)})
                          : connection_->send(message, {generation.control_fd(), page->fd.get()});
    if (sent != Sent::yes) {
        return sent;
    }
    page_before_ = std::move(page_);
    page_ = std::move(*page);
    page_.fd.reset(); // Enough descriptors are needed without those that are of no more use here.
    epoch_ = generation.epoch();
    parts_ = has_parts ? 1 : 0;
    asked_ = false;
    woken_from_ = 0;
    // What cannot be sent of the rest now it will ask for.
    return send_parts(generation) == Sent::gone ? Sent::gone : Sent::yes;
}

Sent Member::send_parts(const ContentGeneration& generation) {
    for (; parts_ < generation.parts(); ++parts_) {
        Chunk message = {};
        message.index = parts_;
        if (const Sent sent = connection_->send(message, {generation.part_fd(parts_)}); sent != Sent::yes) {
            return sent;
        }
    }
    asked_ = false;
    return Sent::yes;
}

cuframes_subscriber_info Member::info(uint64_t last_sequence) const {
    cuframes_subscriber_info out = {};
    out.struct_size = sizeof(out);
    out.id = id_;
    std::strncpy(out.name, name_.c_str(), sizeof(out.name) - 1);
    out.pid = pid_;
    out.mode = mode_;
    if (const ReaderPage* words = page()) {
        const uint64_t position = words->position.load();
        out.lag = last_sequence > position ? last_sequence - position : 0;
        out.received = words->received.load();
        out.skipped = words->skipped.load();
        out.lost = words->lost.load();
    }
    return out;
}

} // namespace cuframes::core
