// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/reader_rates.h"

#include "facts/words.h"

namespace cuframes::tools {

void ReaderRates::look(const Inspection& rings, uint64_t now) {
    const double passed = seconds_between(when_, now);
    decltype(seen_) seen;
    for (size_t i = 0; i < rings.size(); ++i) {
        for (size_t r = 0; r < rings[i].subscriber_count; ++r) {
            const cuframes_subscriber_info& reader = *rings[i].subscribers[r];
            const std::pair<std::string, uint64_t> who(rings[i].key, reader.id);
            const auto before = seen_.find(who);
            // Another publisher's reader may have the number of one before.
            const bool known = before != seen_.end() && before->second.received <= reader.received && passed > 0;
            seen[who] = {reader.received,
                         known ? std::optional(static_cast<double>(reader.received - before->second.received) / passed)
                               : std::nullopt};
        }
    }
    seen_ = std::move(seen);
    when_ = now;
}

std::optional<double> ReaderRates::of(const std::string& key, uint64_t reader) const {
    const auto found = seen_.find({key, reader});
    return found == seen_.end() ? std::nullopt : found->second.rate;
}

} // namespace cuframes::tools
