// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/metrics.h"

#include "facts/metric_family.h"
#include "facts/words.h"

#include <array>
#include <set>

namespace cuframes::tools {

namespace {

using Type = MetricFamily::Type;
using Stats = cuframes_publisher_stats;
using Window = cuframes_packet_window;
using Total = ReaderTotals::Total;

double plain(uint64_t value) { return static_cast<double>(value); }

/// A metric with one sample for each of what has a `Source`.
template <class Source>
struct Metric {
    const char* name;
    Type type;
    const char* help;
    double (*value)(const Source& source);
};

constexpr std::array stats_metrics = {
    Metric<Stats>{"cuframes_ring_published_total", Type::counter, "Frames or packets that became visible.",
                  [](const Stats& stats) { return plain(stats.published); }},
    Metric<Stats>{"cuframes_ring_published_bytes_total", Type::counter, "Bytes of those.",
                  [](const Stats& stats) { return plain(stats.bytes); }},
    Metric<Stats>{"cuframes_ring_dropped_total", Type::counter, "Frames or packets that found no room.",
                  [](const Stats& stats) { return plain(stats.dropped); }},
    Metric<Stats>{"cuframes_ring_copied_total", Type::counter, "Published frames that were copied into the ring.",
                  [](const Stats& stats) { return plain(stats.copied); }},
    Metric<Stats>{"cuframes_ring_lapped_total", Type::counter,
                  "Frames overwritten before a strict reader took them, summed over readers.",
                  [](const Stats& stats) { return plain(stats.lapped); }},
    Metric<Stats>{"cuframes_ring_metadata_dropped_total", Type::counter,
                  "Frames whose metadata did not fit and was left out.",
                  [](const Stats& stats) { return plain(stats.metadata_dropped); }},
    Metric<Stats>{"cuframes_ring_refused_total", Type::counter, "Attempts to attach that were refused.",
                  [](const Stats& stats) { return plain(stats.refused); }},
    Metric<Stats>{"cuframes_ring_waited_seconds_total", Type::counter,
                  "Time that the publisher waited for strict readers.",
                  [](const Stats& stats) { return plain(stats.waited_ns) * 1e-9; }},
    Metric<Stats>{"cuframes_ring_memory_bytes", Type::gauge, "Memory that the ring has got so far.",
                  [](const Stats& stats) { return plain(stats.memory); }},
    Metric<Stats>{"cuframes_ring_slots", Type::gauge, "Frames that the ring keeps.",
                  [](const Stats& stats) { return plain(stats.slots); }},
    Metric<Stats>{"cuframes_ring_readers", Type::gauge, "Readers that are attached.",
                  [](const Stats& stats) { return plain(stats.subscribers); }},
};

constexpr std::array window_metrics = {
    Metric<Window>{"cuframes_ring_window_packets", Type::gauge, "Packets of the past that are there.",
                   [](const Window& window) { return plain(window.packets); }},
    Metric<Window>{"cuframes_ring_window_bytes", Type::gauge, "Their bytes.",
                   [](const Window& window) { return plain(window.bytes); }},
    Metric<Window>{"cuframes_ring_window_keyframes", Type::gauge, "Keyframes among them.",
                   [](const Window& window) { return plain(window.keyframes); }},
    Metric<Window>{"cuframes_ring_window_seconds", Type::gauge, "From the oldest to the newest of them.",
                   [](const Window& window) {
                       return window.packets == 0 ? 0 : seconds_between(window.oldest_time, window.newest_time);
                   }},
};

constexpr std::array reader_metrics = {
    Metric<Total>{"cuframes_readers", Type::gauge, "Readers of this name.",
                  [](const Total& total) { return plain(total.readers); }},
    Metric<Total>{"cuframes_reader_received_total", Type::counter, "Frames or packets that they took.",
                  [](const Total& total) { return plain(total.counts.received); }},
    Metric<Total>{"cuframes_reader_skipped_total", Type::counter, "Those passed over, in newest mode.",
                  [](const Total& total) { return plain(total.counts.skipped); }},
    Metric<Total>{"cuframes_reader_lost_total", Type::counter, "Those that were gone, in strict mode.",
                  [](const Total& total) { return plain(total.counts.lost); }},
    Metric<Total>{"cuframes_reader_lag", Type::gauge, "Published ones not taken yet, by the slowest of that name.",
                  [](const Total& total) { return plain(total.lag); }},
    Metric<Total>{"cuframes_reader_held", Type::gauge, "Frames that they hold.",
                  [](const Total& total) { return plain(total.held); }},
    Metric<Total>{"cuframes_reader_max_held", Type::gauge, "Frames that they may hold.",
                  [](const Total& total) { return plain(total.max_held); }},
};

/// What has labels of its own, one for each key.
std::string states(const Inspection& rings) {
    MetricFamily family("cuframes_ring_state", Type::gauge, "1 for the state that the ring is in.");
    for (size_t i = 0; i < rings.size(); ++i) {
        for (int state = CUFRAMES_RING_LIVE; state <= CUFRAMES_RING_REFUSED; ++state) {
            const char* name = cuframes_ring_state_name(static_cast<cuframes_ring_state>(state));
            family.add({{"key", rings[i].key}, {"state", name}}, rings[i].state == state ? 1 : 0);
        }
    }
    return family.text();
}

std::string infos(const Inspection& rings) {
    MetricFamily family("cuframes_ring_info", Type::gauge, "What the ring carries, and where.");
    for (size_t i = 0; i < rings.size(); ++i) {
        const cuframes_ring_info& ring = rings[i];
        if (has_report(ring)) {
            const std::string gpu = gpu_name(ring);
            family.add({{"key", ring.key},
                        {"content", content_word(ring.content)},
                        {"format", format_word(ring)},
                        {"memory", gpu.empty() ? memory_word(ring) : "cuda"},
                        {"gpu", gpu},
                        {"policy", policy_word(ring.policy)}},
                       1);
        }
    }
    return family.text();
}

/// One of each key that has what `source_of` gives.
template <class Source, size_t count, class SourceOf>
std::string by_key(const std::array<Metric<Source>, count>& metrics, const Inspection& rings, SourceOf source_of) {
    std::string out;
    for (const Metric<Source>& metric : metrics) {
        MetricFamily family(metric.name, metric.type, metric.help);
        for (size_t i = 0; i < rings.size(); ++i) {
            if (const Source* source = source_of(rings[i])) {
                family.add({{"key", rings[i].key}}, metric.value(*source));
            }
        }
        out += family.text();
    }
    return out;
}

using TotalsByKey = std::map<std::string, std::map<std::string, Total>>;

std::string by_reader(const TotalsByKey& totals) {
    std::string out;
    for (const Metric<Total>& metric : reader_metrics) {
        MetricFamily family(metric.name, metric.type, metric.help);
        for (const auto& [key, readers] : totals) {
            for (const auto& [name, total] : readers) {
                family.add({{"key", key}, {"reader", name}}, metric.value(total));
            }
        }
        out += family.text();
    }
    return out;
}

} // namespace

void Metrics::keep_only(const Inspection& rings) {
    std::set<std::string> keys;
    for (size_t i = 0; i < rings.size(); ++i) {
        keys.insert(rings[i].key);
    }
    std::erase_if(known_, [&](const auto& known) { return !keys.contains(known.first); });
}

std::string Metrics::page(const Inspection& rings, uint64_t asked, double took) {
    keep_only(rings);
    MetricFamily ages("cuframes_ring_age_seconds", Type::gauge,
                      "Since the newest frame or packet, also of a publisher that is stopped or dead by now.");
    TotalsByKey totals;
    for (size_t i = 0; i < rings.size(); ++i) {
        const cuframes_ring_info& ring = rings[i];
        Known& known = known_[ring.key];
        if (has_report(ring)) {
            totals[ring.key] = known.readers.look(ring);
            known.newest_time = ring.newest_time;
        }
        if (known.newest_time != CUFRAMES_TIME_NONE) {
            ages.add({{"key", ring.key}}, seconds_between(known.newest_time, asked));
        }
    }
    MetricFamily exporter("cuframes_exporter_scrape_seconds", Type::gauge, "What it took to ask all publishers.");
    exporter.add({}, took);
    return states(rings) + infos(rings) + ages.text() +
           by_key(stats_metrics, rings, [](const cuframes_ring_info& ring) { return ring.stats; }) +
           by_key(window_metrics, rings, [](const cuframes_ring_info& ring) { return ring.window; }) +
           by_reader(totals) + exporter.text();
}

} // namespace cuframes::tools
