// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher.h"

#include "layout.h"

#include <new>

namespace cuframes::test {

using namespace core;

/// Control memory with records behind the header.
class RecordGeneration final : public ContentGeneration {
public:
    static Result<std::shared_ptr<RecordGeneration>> create(const GenerationPlace& place, uint32_t count) {
        auto control = create_control(ContentKind::experiment, place, records_control_size, records_control_size, 0);
        if (!control) {
            return control.error();
        }
        std::shared_ptr<RecordGeneration> made(new RecordGeneration(std::move(*control)));
        (new (made->at(sizeof(ControlHeader))) RecordsSection{})->count = count;
        return made;
    }

    RecordsSection& section() const { return *reinterpret_cast<RecordsSection*>(at(sizeof(ControlHeader))); }

    /// The record whose place the next one takes; 0: none.
    uint64_t oldest(uint64_t next) const { return section().records[section().place_of(next)].sequence.load(); }

    void write(uint64_t sequence, uint64_t number) {
        RecordsSection& all = section();
        const uint32_t place = all.place_of(sequence);
        Record& record = all.records[place];
        record.sequence.store(invalid_sequence);
        record.number.store(number);
        record.sequence.store(sequence);
        state().last_sequence.store(sequence);
        all.latest.store(Latest{sequence, place}.pack());
    }

private:
    using ContentGeneration::ContentGeneration;
};

Result<std::unique_ptr<RecordPublisher>> RecordPublisher::create(MembershipOptions options, uint32_t count) {
    std::unique_ptr<RecordPublisher> publisher(new RecordPublisher(count));
    auto membership = Membership::create(std::move(options));
    if (!membership) {
        return membership.error();
    }
    publisher->membership_ = std::move(*membership);
    publisher->membership_->open(*publisher);
    return publisher;
}

RecordPublisher::~RecordPublisher() {
    if (membership_) {
        membership_->close();
    }
}

RecordGeneration* RecordPublisher::generation() const {
    return static_cast<RecordGeneration*>(membership_->generation().get());
}

Result<> RecordPublisher::configure() {
    return membership_->renew([this](const GenerationPlace& place) -> Result<std::shared_ptr<ContentGeneration>> {
        auto made = RecordGeneration::create(place, count_);
        if (!made) {
            return made.error();
        }
        return std::shared_ptr<ContentGeneration>(std::move(*made));
    });
}

Result<> RecordPublisher::publish(uint64_t number) {
    auto lock = membership_->lock();
    if (!generation()) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "no generation yet"};
    }
    const auto oldest = [this] { return generation()->oldest(membership_->last_sequence() + 1); };
    const auto is_free = [&] { return oldest() == invalid_sequence || !membership_->is_needed(oldest()); };
    if (membership_->options().policy == CUFRAMES_POLICY_WAIT && !is_free() &&
        !membership_->wait_for_room(lock, {.take = is_free, .hopeless = [] { return false; }, .wanted = oldest})) {
        return Error{CUFRAMES_ERROR_INTERRUPTED, "interrupted while waiting for strict subscribers"};
    }
    membership_->count_lapped(oldest());
    membership_->make_visible([&] { generation()->write(membership_->next_sequence(), number); });
    return {};
}

Result<std::unique_ptr<Share>> RecordPublisher::admit(const Hello&, Lock&) { return std::make_unique<Share>(); }

uint64_t RecordPublisher::joins_after() const {
    const uint64_t newest = Latest::unpack(generation()->section().latest.load()).sequence;
    return newest > 0 ? newest - 1 : membership_->last_sequence();
}

uint32_t RecordPublisher::patience(const Share&) const { return 1; } // Each that it takes makes room.

} // namespace cuframes::test
