// SPDX-License-Identifier: LGPL-2.1-or-later
#include "reader.h"

#include "layout.h"
#include "protocol/validate.h"
#include "ring/ends.h"

#include <algorithm>
#include <optional>

namespace cuframes::test {

using namespace core;

namespace {

class RecordsRead final : public AdoptedGeneration {
public:
    static Result<std::shared_ptr<AdoptedGeneration>> open(std::shared_ptr<Link> link, const Datagram& datagram) {
        auto mapped = map(datagram, 2);
        if (!mapped) {
            return mapped.error();
        }
        auto header = read_control_header(mapped->control.data(), mapped->message.control_size,
                                          mapped->message.parts_size, ContentKind::experiment);
        if (!header) {
            return header.error();
        }
        if (header->control_size != records_control_size) {
            return Error{CUFRAMES_ERROR_PROTOCOL, "these are no records"};
        }
        return std::shared_ptr<AdoptedGeneration>(new RecordsRead(std::move(link), std::move(*mapped), *header));
    }

    bool has_more() const override { return newest() > position_ || ends_left(state().ends.load()); }

    uint64_t pass_to(uint64_t sequence) override {
        const uint64_t missed = sequence > position_ ? sequence - position_ : 0;
        position_ += missed;
        tell_position(position_);
        return missed;
    }

    uint64_t tell_end() override {
        const auto end = ring::end_position(state().ends, state().end_positions, ++link().ends_told);
        return end ? pass_to(*end) : 0;
    }

    /// Copies the next record to `number`.
    Found take(cuframes_mode mode, uint64_t& number) {
        for (;;) {
            const auto now = ring::look(state().ends, section().latest);
            if (!now) {
                continue;
            }
            const uint64_t newest = now->newest.sequence;
            const uint64_t sequence = mode == CUFRAMES_MODE_NEWEST ? newest : oldest_after(position_, newest);
            if (ends_left(now->ends) && end_comes_before(newest > position_ ? sequence : UINT64_MAX)) {
                return {Found::What::end};
            }
            if (newest <= position_) {
                return {Found::What::nothing};
            }
            const Record& record = section().records[section().place_of(sequence)];
            number = record.number.load();
            if (record.sequence.load() == sequence) {
                const Found found{Found::What::item, sequence, sequence - position_ - 1};
                position_ = sequence;
                give_back([&] { tell_position(sequence); });
                return found;
            }
        }
    }

private:
    RecordsRead(std::shared_ptr<Link> link, Mapped mapped, const ControlDescription& header)
        : AdoptedGeneration(std::move(link), std::move(mapped), header), position_(page().position.load()) {
        tell_adopted();
    }

    const RecordsSection& section() const {
        return *reinterpret_cast<const RecordsSection*>(control(sizeof(ControlHeader)));
    }
    uint64_t newest() const { return Latest::unpack(section().latest.load()).sequence; }
    bool ends_left(uint32_t ends) const { return static_cast<int32_t>(ends - link().ends_told) > 0; }
    bool end_comes_before(uint64_t sequence) const {
        const auto end = ring::end_position(state().ends, state().end_positions, link().ends_told + 1);
        return sequence == UINT64_MAX || !end || *end < sequence;
    }
    /// The number after `position` that is there: those dropped have none.
    uint64_t oldest_after(uint64_t position, uint64_t newest) const {
        uint64_t oldest = newest;
        for (const Record& record : section().records) {
            const uint64_t sequence = record.sequence.load();
            oldest = sequence > position && sequence < oldest ? sequence : oldest;
        }
        return oldest;
    }

    uint64_t position_;
};

} // namespace

Result<std::unique_ptr<RecordReader>> RecordReader::create(ConnectorOptions options) {
    std::unique_ptr<RecordReader> reader(new RecordReader);
    auto connector = Connector::create(std::move(options), *reader);
    if (!connector) {
        return connector.error();
    }
    reader->connector_ = std::move(*connector);
    return reader;
}

Result<RecordReader::Item> RecordReader::next(int64_t timeout_ms) {
    if (auto got = connector_->next(timeout_ms); !got) {
        return got.error();
    }
    return item_;
}

Result<std::shared_ptr<AdoptedGeneration>> RecordReader::open(const std::shared_ptr<Link>& link,
                                                              const Datagram& datagram) {
    return RecordsRead::open(link, datagram);
}

Result<Found> RecordReader::take(AdoptedGeneration& generation) {
    const Found found = static_cast<RecordsRead&>(generation).take(connector_->options().mode, item_.number);
    item_.sequence = found.sequence;
    item_.epoch = generation.epoch();
    return found;
}

void RecordReader::keep(const Arrival& arrival) {
    item_.missed = arrival.missed;
    item_.discontinuity = arrival.discontinuity;
}

} // namespace cuframes::test
