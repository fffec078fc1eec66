// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/reader_totals.h"

#include <algorithm>
#include <utility>

namespace cuframes::tools {

ReaderTotals::Counts& ReaderTotals::Counts::operator+=(const Counts& other) {
    received += other.received;
    skipped += other.skipped;
    lost += other.lost;
    return *this;
}

std::map<std::string, ReaderTotals::Total> ReaderTotals::look(const cuframes_ring_info& ring) {
    std::map<std::string, Total> totals;
    std::map<std::string, Name> before = std::exchange(names_, {});
    for (size_t i = 0; i < ring.subscriber_count; ++i) {
        const cuframes_subscriber_info& reader = *ring.subscribers[i];
        Name& name = names_[reader.name];
        const Counts counts = {reader.received, reader.skipped, reader.lost};
        name.there[reader.id] = counts;
        Total& total = totals[reader.name];
        total.counts += counts;
        total.readers += 1;
        total.held += reader.held;
        total.max_held += reader.max_held;
        total.lag = std::max(total.lag, reader.lag);
    }
    for (auto& [text, name] : names_) {
        const Name& past = before[text];
        name.left = past.left;
        for (const auto& [id, counts] : past.there) {
            const auto now = name.there.find(id);
            // The next publisher numbers its readers anew.
            if (now == name.there.end() || now->second.received < counts.received) {
                name.left += counts;
            }
        }
        totals[text].counts += name.left;
    }
    return totals;
}

} // namespace cuframes::tools
