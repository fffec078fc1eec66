// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/packet_log/log_memory.h"

#include "base/clock.h"
#include "base/log.h"

#include <algorithm>

namespace cuframes::core {

namespace {

constexpr const char* bytes_name = "cuframes-packets";
constexpr uint64_t commit_step = 1 << 20; ///< As few calls as that, and no more memory than that for nothing.

constexpr uint64_t steps_for(uint64_t size) { return (size + commit_step - 1) / commit_step * commit_step; }

} // namespace

Result<LogMemory> LogMemory::create(uint64_t most) {
    auto bytes = create_shared_memory(bytes_name, most, 0, Writers::only_present_mappings);
    if (!bytes) {
        return bytes.error();
    }
    auto for_readers = open_for_readers(bytes->fd);
    if (!for_readers) {
        return for_readers.error();
    }
    return LogMemory(std::move(*bytes), std::move(*for_readers));
}

std::optional<uint64_t> LogMemory::take(uint64_t size) {
    largest_ = std::max(largest_, size);
    if (const auto offset = free_.take(size)) {
        return offset;
    }
    const uint64_t left = most() - committed_;
    if (left == 0 || monotonic_ns() < commit_again_) {
        return {};
    }
    const uint64_t more = std::min(left, steps_for(size));
    if (auto got = commit(bytes_.fd.get(), committed_, more, bytes_name); !got) {
        refused(got.error());
        return {};
    }
    grow_to(committed_ + more);
    return free_.take(size);
}

/// So much that the largest packet finds room in it, or some small ones.
std::optional<LogMemory::Stretch> LogMemory::wanted() const {
    const uint64_t enough = std::max(largest_, commit_step / 2);
    const uint64_t left = most() - committed_;
    if (left == 0 || free_.total() >= enough || monotonic_ns() < commit_again_) {
        return {};
    }
    return Stretch{committed_, std::min(left, steps_for(enough - free_.total()))};
}

Result<> LogMemory::get(const Stretch& stretch) const {
    auto got = commit(bytes_.fd.get(), stretch.offset, stretch.size, bytes_name);
    if (got) {
        prefault(bytes_.mapping, stretch.offset, stretch.size);
    }
    return got;
}

void LogMemory::note(const Stretch& stretch, const Result<>& got) {
    if (!got) {
        refused(got.error());
    } else if (const uint64_t end = stretch.offset + stretch.size; end > committed_) {
        grow_to(end);
    }
}

void LogMemory::grow_to(uint64_t size) {
    free_.give(committed_, size - committed_);
    committed_ = size;
}

void LogMemory::refused(const Error& error) {
    constexpr uint64_t pause = 1'000'000'000;
    commit_again_ = monotonic_ns() + pause;
    log(CUFRAMES_LOG_DEBUG, text("a packet log stays at ", committed_, " bytes: ", error.message));
}

} // namespace cuframes::core
