// SPDX-License-Identifier: LGPL-2.1-or-later
/// What an agent answers of who is attached and what was counted, whatever it publishes and reads.
#pragma once

#include "cuframes/cuframes.h"
#include "message.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace cuframes::test {

Message answer_of(const cuframes_publisher_stats& stats);
Message answer_of(const cuframes_subscriber_stats& stats);
Message answer_of(const std::vector<cuframes_subscriber_info>& all);

/// Who left, and why: `name:reason,` for each.
class Departures {
public:
    void add(const cuframes_subscriber_info& who, cuframes_leave_reason reason);
    Message answer();

private:
    std::mutex mutex_; ///< The library's service thread adds.
    std::string list_;
};

/// The changes of a subscriber's state. The same one comes again with each new generation, which is none.
class States {
public:
    void clear() { list_.clear(), last_.clear(); }
    void add(cuframes_subscriber_state state);
    const std::string& list() const { return list_; }

private:
    std::string list_, last_;
};

/// What one item says of itself.
struct Seen {
    uint64_t sequence, epoch, missed;
};

/// The verb `read`: takes one after the other until `count` of them came or the stream ended as `until` says, and sums
/// up. `last` is the sequence number of one that was taken before.
Message read_all(const Message& request, uint64_t last, const std::function<Seen()>& take);

} // namespace cuframes::test
