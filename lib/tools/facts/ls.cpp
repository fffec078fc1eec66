// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes ls`: a line for each ring.
#include "facts/ring_json.h"
#include "facts/run.h"
#include "facts/table.h"
#include "facts/words.h"
#include "shared/say.h"

#include <cuframes/cuframes.hpp>

namespace cuframes::tools {

namespace {

void print_keys(const Inspection& rings) {
    for (size_t i = 0; i < rings.size(); ++i) {
        fmt::print("{}\n", rings[i].key);
    }
}

void print_json(const Inspection& rings, uint64_t now) {
    Json all = Json::array();
    for (size_t i = 0; i < rings.size(); ++i) {
        all.push_back(ring_json(rings[i], now));
    }
    print(Json{{"rings", all}});
}

std::vector<std::string> row_of(const cuframes_ring_info& ring, uint64_t now) {
    std::vector<std::string> row = {ring.key, cuframes_ring_state_name(ring.state)};
    if (!has_report(ring)) {
        row.push_back(fmt::format("{}{}", printable(ring.message), ring.pid ? fmt::format(" (pid {})", ring.pid) : ""));
        return row;
    }
    const auto age = age_of(ring, now);
    row.insert(row.end(),
               {content_word(ring.content), format_word(ring), memory_word(ring), fmt::format("{:.1f}/s", ring.rate),
                age ? duration_word(*age) : "-", fmt::format("{}", ring.subscriber_count), publisher_word(ring)});
    return row;
}

void print_table(const Inspection& rings, uint64_t now) {
    using Align = Table::Align;
    Table table({{"KEY"},
                 {"STATE"},
                 {"CONTENT"},
                 {"FORMAT"},
                 {"MEMORY"},
                 {"RATE", Align::right},
                 {"AGE", Align::right},
                 {"READERS", Align::right},
                 {"PUBLISHER"}});
    for (size_t i = 0; i < rings.size(); ++i) {
        table.add(row_of(rings[i], now));
    }
    for (const std::string& line : table.lines()) {
        fmt::print("{}\n", line);
    }
}

std::string where(const std::string& directory) {
    char usual[4096];
    return !directory.empty() || cuframes_default_directory(usual, sizeof(usual)) < 0 ? directory : usual;
}

} // namespace

int run(const LsOptions& options) {
    // Names need no answers.
    const auto timeout = options.keys_only ? not_at_all : to_timeout(options.timeout);
    // Ages are as of then: one who does not answer would make all others look old.
    const uint64_t asked = now_ns();
    const auto rings = list(or_usual(options.directory), timeout);
    if (!rings) {
        return failed("ls", rings.error().message);
    }
    if (options.keys_only) {
        print_keys(*rings);
    } else if (options.json) {
        print_json(*rings, asked);
    } else if (rings->size() == 0) {
        fmt::print(stderr, "cuframes ls: nothing is shared in {}\n", where(options.directory));
    } else {
        print_table(*rings, asked);
    }
    return exit_done;
}

} // namespace cuframes::tools
