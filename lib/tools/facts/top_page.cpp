// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/top_page.h"

#include "facts/table.h"
#include "facts/words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <numeric>

namespace cuframes::tools {

namespace {

using Tone = TopPage::Tone;
using Row = std::vector<std::string>;

Table empty_table() {
    using Align = Table::Align;
    return Table({{"KEY / READER"},
                  {"STATE"},
                  {"FORMAT"},
                  {"MEMORY"},
                  {"RATE", Align::right},
                  {"AGE", Align::right},
                  {"HELD", Align::right},
                  {"LAG", Align::right},
                  {"DROPPED", Align::right},
                  {"SKIPPED", Align::right},
                  {"LOST", Align::right},
                  {"PROGRAM"}});
}

std::string number(uint64_t value) { return fmt::format("{}", value); }

std::string rate_word(std::optional<double> rate) { return rate ? fmt::format("{:.1f}/s", *rate) : "-"; }

/// Of all its readers, of the slots that there are.
std::string all_held(const cuframes_ring_info& ring) {
    if (ring.content != CUFRAMES_CONTENT_FRAMES || !ring.stats) {
        return "-";
    }
    const uint64_t held =
        std::accumulate(ring.subscribers, ring.subscribers + ring.subscriber_count, uint64_t{0},
                        [](uint64_t sum, const cuframes_subscriber_info* reader) { return sum + reader->held; });
    return fmt::format("{}/{}", held, ring.stats->slots);
}

Row ring_row(const cuframes_ring_info& ring, uint64_t now) {
    Row row = {ring.key, cuframes_ring_state_name(ring.state)};
    if (!has_report(ring)) {
        row.push_back(printable(ring.message) + (ring.pid ? fmt::format(" (pid {})", ring.pid) : ""));
        return row;
    }
    const auto age = age_of(ring, now);
    row.insert(row.end(), {format_word(ring), memory_word(ring), rate_word(ring.rate), age ? duration_word(*age) : "-",
                           all_held(ring), "", ring.stats ? number(ring.stats->dropped) : "-", "",
                           ring.stats ? number(ring.stats->lapped) : "-", publisher_word(ring)});
    return row;
}

Row reader_row(const cuframes_ring_info& ring, const cuframes_subscriber_info& reader, std::optional<double> rate) {
    return {"  " + printable(reader.name),
            cuframes_mode_name(reader.mode),
            "",
            "",
            rate_word(rate),
            "",
            held_word(ring, reader),
            number(reader.lag),
            "",
            number(reader.skipped),
            number(reader.lost),
            reader.pid == 0 ? "-" : fmt::format("({})", reader.pid)};
}

std::string time_of_day() {
    const std::time_t now = std::time(nullptr);
    std::tm local = {};
    ::localtime_r(&now, &local);
    return fmt::format("{:%H:%M:%S}", local);
}

std::string counted(size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string summary_of(const Inspection& rings) {
    size_t readers = 0;
    size_t mute = 0;
    for (size_t i = 0; i < rings.size(); ++i) {
        readers += rings[i].subscriber_count;
        mute += has_report(rings[i]) ? 0 : 1;
    }
    return fmt::format("cuframes {}  {}, {}{}", time_of_day(), counted(rings.size(), "key"), counted(readers, "reader"),
                       mute == 0 ? "" : fmt::format(", {} without an answer", mute));
}

} // namespace

bool TopPages::grew(const std::string& who, uint64_t losses) {
    losses_[who] = losses;
    const auto before = losses_before_.find(who);
    return before != losses_before_.end() && before->second < losses;
}

TopPage TopPages::next(const Inspection& rings, const ReaderRates& rates, uint64_t now) {
    losses_before_ = std::exchange(losses_, {});
    Table table = empty_table();
    std::vector<Tone> tones = {Tone::heading};
    for (size_t i = 0; i < rings.size(); ++i) {
        const cuframes_ring_info& ring = rings[i];
        table.add(ring_row(ring, now));
        const uint64_t losses = ring.stats ? ring.stats->dropped + ring.stats->lapped : 0;
        tones.push_back(!has_report(ring) ? Tone::alarm : grew(ring.key, losses) ? Tone::warning : Tone::plain);
        for (size_t r = 0; r < ring.subscriber_count; ++r) {
            const cuframes_subscriber_info& reader = *ring.subscribers[r];
            table.add(reader_row(ring, reader, rates.of(ring.key, reader.id)));
            tones.push_back(grew(fmt::format("{} {}", ring.key, reader.id), reader.lost) ? Tone::warning : Tone::plain);
        }
    }
    TopPage page;
    page.summary = summary_of(rings);
    const std::vector<std::string> lines = table.lines();
    page.heading = {lines.front(), Tone::heading};
    for (size_t i = 1; i < lines.size(); ++i) {
        page.rows.push_back({lines[i], tones[i]});
    }
    return page;
}

} // namespace cuframes::tools
