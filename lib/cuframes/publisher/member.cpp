// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/member.h"

#include <algorithm>
#include <cstring>

namespace cuframes::core {

Sent AttachedSubscriber::serve(const RingGeneration& generation, uint64_t position) {
    if (leaving_ || !ready()) {
        return Sent::yes;
    }
    if (epoch_ != generation.epoch()) {
        return send_generation(generation, position);
    }
    return asked_ ? send_chunks(generation) : Sent::yes;
}

Sent AttachedSubscriber::send_generation(const RingGeneration& generation, uint64_t position) {
    auto page = create_shared_memory("cuframes-leases", reader_page_size, reader_page_size, Writers::anybody);
    if (!page) {
        return Sent::shortage;
    }
    auto& words = (new (page->mapping.data()) LeasePage{})->reader;
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
    message.parts_size = generation.store().size();
    const Sent sent =
        connection_->send(message, {generation.control_fd(), page->fd.get(), generation.store().chunk_fd(0)});
    if (sent != Sent::yes) {
        return sent;
    }
    page_before_ = std::move(page_);
    page_ = std::move(*page);
    page_.fd.reset(); // Enough descriptors are needed without those that are of no more use here.
    epoch_ = generation.epoch();
    chunks_ = 1;
    asked_ = false;
    woken_from_ = 0;
    // What cannot be sent of the rest now it will ask for.
    return send_chunks(generation) == Sent::gone ? Sent::gone : Sent::yes;
}

Sent AttachedSubscriber::answer(const RingGeneration* generation) {
    Granted answer = {};
    answer.leases = granted_;
    answer.frames = generation ? generation->kept() : 0;
    const Sent sent = connection_->send(answer);
    answer_owed_ = sent == Sent::shortage;
    return sent;
}

Sent AttachedSubscriber::send_chunks(const RingGeneration& generation) {
    for (; chunks_ < generation.store().chunks(); ++chunks_) {
        Chunk message = {};
        message.index = chunks_;
        if (const Sent sent = connection_->send(message, {generation.store().chunk_fd(chunks_)}); sent != Sent::yes) {
            return sent;
        }
    }
    asked_ = false;
    return Sent::yes;
}

cuframes_subscriber_info AttachedSubscriber::info(uint64_t last_sequence) const {
    cuframes_subscriber_info out = {};
    out.id = id_;
    std::strncpy(out.name, name_.c_str(), sizeof(out.name) - 1);
    out.pid = pid_;
    out.mode = mode_;
    out.max_held = granted_;
    if (const ReaderPage* words = page()) {
        const auto& leases = lease_page()->leases;
        out.held = static_cast<uint32_t>(std::count_if(leases.begin(), leases.begin() + granted_ + copies_,
                                                       [](const auto& lease) { return lease.load() != 0; }));
        const uint64_t position = words->position.load();
        out.lag = last_sequence > position ? last_sequence - position : 0;
        out.received = words->received.load();
        out.skipped = words->skipped.load();
        out.lost = words->lost.load();
    }
    return out;
}

} // namespace cuframes::core
