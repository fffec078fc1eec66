// SPDX-License-Identifier: LGPL-2.1-or-later
/// Where the bytes of a packet log lie: memory that grows to what the packets need of it, and is used again from there.
/// Private to the publisher, and changed under its mutex.
///
/// To get a page and to touch it for the first time takes longer than to fill it: with a packet of 160 KiB, 70 µs more than
/// the 20 of the copy, and where memory is asked for, 800. So another thread gets it ahead, and take() only what is needed
/// before that thread comes to it.
#pragma once

#include "ipc/shared_memory.h"
#include "publisher/packet_log/free_space.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace cuframes::core {

class LogMemory {
public:
    /// Of at most so many bytes, none of which are there yet.
    static Result<LogMemory> create(uint64_t most);

    /// For readers.
    int fd() const { return for_readers_ ? for_readers_.get() : bytes_.fd.get(); }
    std::byte* at(uint64_t offset) const { return bytes_.mapping.data() + offset; }
    uint64_t most() const { return bytes_.mapping.size(); }
    uint64_t committed() const { return committed_; }

    /// Room for so many bytes in a row, in memory that is there or can be had. Empty: packets have to leave first.
    std::optional<uint64_t> take(uint64_t size);
    void give(uint64_t offset, uint64_t size) { free_.give(offset, size); }

    struct Stretch {
        uint64_t offset, size;
    };
    /// What to get ahead now, as little is left of what is there. Empty: nothing.
    std::optional<Stretch> wanted() const;
    /// Gets it. Not under the mutex: take() may come to the same memory meanwhile, and do it, too.
    Result<> get(const Stretch& stretch) const;
    /// What came of that.
    void note(const Stretch& stretch, const Result<>& got);

private:
    LogMemory(SharedMemory bytes, UniqueFd for_readers)
        : bytes_(std::move(bytes)), for_readers_(std::move(for_readers)) {}

    void grow_to(uint64_t size);
    void refused(const Error& error);

    SharedMemory bytes_;
    UniqueFd for_readers_; ///< Empty: there is no /proc, and they get ours.
    FreeSpace free_;
    uint64_t committed_ = 0;
    uint64_t largest_ = 0;      ///< That was taken so far.
    uint64_t commit_again_ = 0; ///< After more could not be had: when to ask again.
};

} // namespace cuframes::core
