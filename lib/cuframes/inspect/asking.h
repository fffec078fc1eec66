// SPDX-License-Identifier: LGPL-2.1-or-later
/// Asks publishers what they are and do, without attaching to them.
#pragma once

#include "base/deadline.h"
#include "inspect/read_report.h"
#include "ipc/peer.h"

#include <optional>
#include <string>
#include <vector>

namespace cuframes::core {

/// Whom to ask.
struct Place {
    std::string key;
    std::string directory;
    bool usual; ///< The directory was not named.
};

/// What was learned.
struct Answer {
    Place place;
    cuframes_ring_state state = CUFRAMES_RING_SILENT;
    std::string message; ///< Why there is no report; empty: there is one.
    Credentials publisher;
    std::optional<ReadReport> report;
};

/// Those of a directory, or where none is named of all that are looked at, in the order of their keys.
Result<std::vector<Place>> places(const char* directory);
/// Where a key's publisher is to be found.
Place place_of(const std::string& key, const char* directory);

/// Asks all of them at once, and waits for nobody longer than until then. Who went while being asked is left out.
std::vector<Answer> ask(std::vector<Place> places, const Deadline& deadline);

} // namespace cuframes::core
