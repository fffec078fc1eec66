// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/packet_log/log_memory.h"

#include "base/clock.h"
#include "base/log.h"

#include <algorithm>

namespace cuframes::core {

namespace {

constexpr const char* bytes_name = "cuframes-packets";
constexpr uint64_t commit_step = 1 << 20; ///< As few calls as that, and no more memory than that for nothing.

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
    if (const auto offset = free_.take(size)) {
        return offset;
    }
    const uint64_t now = monotonic_ns();
    const uint64_t left = most() - committed_;
    if (left == 0 || now < commit_again_) {
        return {};
    }
    const uint64_t more = std::min(left, (size + commit_step - 1) / commit_step * commit_step);
    if (auto got = commit(bytes_.fd.get(), committed_, more, bytes_name); !got) {
        constexpr uint64_t pause = 1'000'000'000;
        commit_again_ = now + pause;
        log(CUFRAMES_LOG_DEBUG, text("a packet log stays at ", committed_, " bytes: ", got.error().message));
        return {};
    }
    free_.give(committed_, more);
    committed_ += more;
    return free_.take(size);
}

} // namespace cuframes::core
