// SPDX-License-Identifier: LGPL-2.1-or-later
/// One generation of a content, as a subscriber has it: control memory and its own page, which begin as those of every
/// content do. A content derives its own.
#pragma once

#include "ipc/seqpacket.h"
#include "ipc/shared_memory.h"
#include "protocol/validate.h"
#include "ring/handshake.h"
#include "subscriber/link.h"

#include <atomic>
#include <cstdint>
#include <memory>

namespace cuframes::core {

/// Kept alive by the subscriber and by every item held. Items are taken by one thread.
class AdoptedGeneration {
public:
    AdoptedGeneration(const AdoptedGeneration&) = delete;
    virtual ~AdoptedGeneration() = default;

    /// Tells the publisher that the generation which a message brought was taken up, without mapping the rest of it.
    static Result<> pass_over(const Datagram& datagram);
    /// Whether a newer generation than the one that the message brought has taken its place.
    static bool is_superseded(const Datagram& datagram);

    uint64_t epoch() const { return header_.epoch; }
    uint64_t first_sequence() const { return header_.first_sequence; }

    /// Whether there is an item newer than the last one taken, or an end of stream that was not told.
    virtual bool has_more() const = 0;
    /// Counts what lies between the last item taken and `sequence`, at the end of this generation.
    virtual uint64_t pass_to(uint64_t sequence) = 0;
    /// The stream has ended behind the last item taken: counts what lies between, and notes the end as told.
    virtual uint64_t tell_end() = 0;

    /// Maps one more part of the content's memory.
    virtual Result<> add_part([[maybe_unused]] const Datagram& datagram) {
        return Error{CUFRAMES_ERROR_PROTOCOL, "the publisher sent a part of memory that this content does not have"};
    }
    /// Parts that were added.
    virtual uint32_t parts_added() const { return 0; }

    /// Asks the publisher to wake us for what comes next. False: something has come since the stream's state was `before`.
    bool may_sleep(StreamState before);
    /// It need not wake us from here on.
    void wake_up() { page().sleeping.store(0, std::memory_order_relaxed); }
    void tell_counters(uint64_t received, uint64_t skipped, uint64_t lost);

    StreamState stream_state() const {
        return static_cast<StreamState>(state().stream.load(std::memory_order_acquire));
    }
    uint64_t latency() const { return state().latency.load(std::memory_order_relaxed); }
    uint64_t last_sequence() const { return state().last_sequence.load(std::memory_order_acquire); }

protected:
    /// What a Generation message brought, mapped. Nothing in it has been checked.
    struct Mapped {
        Generation message;
        Mapping control;
        Mapping page;
    };
    static Result<Mapped> map(const Datagram& datagram, size_t descriptors);

    /// `header`: of that control memory, checked.
    AdoptedGeneration(std::shared_ptr<Link> link, Mapped mapped, const ControlDescription& header)
        : link_(std::move(link)), header_(header), control_(std::move(mapped.control)), page_(std::move(mapped.page)) {}

    /// From now on the publisher may send the next generation. The last step of making one.
    void tell_adopted() { tell_adopted(page_); }

    /// The reader has moved on to the item `sequence`.
    void tell_position(uint64_t sequence) { page().position.store(sequence, std::memory_order_release); }
    /// Does what the publisher may wait for, and tells it if it does.
    template <class Back>
    void give_back(Back&& back) {
        if (ring::give_back(state().publisher_waits, std::forward<Back>(back))) {
            tell_progress();
        }
    }

    Link& link() const { return *link_; }

    const std::byte* control(uint64_t offset) const { return control_.data() + offset; }
    ReaderPage& page() const { return *reinterpret_cast<ReaderPage*>(page_.data()); }
    const StreamWords& state() const { return reinterpret_cast<const ControlHeader*>(control_.data())->state; }

private:
    static void tell_adopted(const Mapping& page);
    void tell_progress() const;

    std::shared_ptr<Link> link_; // Kept open: its closing would give back what is held.
    const ControlDescription header_;
    Mapping control_;
    Mapping page_;
    uint32_t sleeps_ = 0;
};

} // namespace cuframes::core
