// SPDX-License-Identifier: LGPL-2.1-or-later
/// A report (protocol/report.h) as who asked for it reads it. What is in it may be anything: a pure function, so that it can
/// be tested and fuzzed by itself.
#pragma once

#include "base/result.h"
#include "protocol/report.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cuframes::core {

struct ReadReport {
    ReportFacts facts = {};
    std::string program; ///< Text, as are the others.
    std::string caps;
    std::optional<cuframes_publisher_stats> stats;
    std::optional<cuframes_geometry> geometry;
    std::optional<cuframes_packet_window> window;
    std::vector<cuframes_subscriber_info> subscribers;
};

/// An error: it is cut short, has no facts, or says what cannot be.
Result<ReadReport> read_report(std::span<const std::byte> bytes);

} // namespace cuframes::core
