// SPDX-License-Identifier: LGPL-2.1-or-later
/// Which bytes of a packet log's memory nobody needs. Private to the publisher.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

namespace cuframes::core {

/// Packets come and leave in the same order, so what is free lies mostly in one piece that goes round; packets that leave
/// give back to it.
class FreeSpace {
public:
    /// Adds what was not there before, or gives back what was taken.
    void give(uint64_t offset, uint64_t size) {
        if (size == 0) {
            return;
        }
        total_ += size;
        auto next = free_.upper_bound(offset);
        if (next != free_.begin()) {
            if (auto before = std::prev(next); before->first + before->second == offset) {
                offset = before->first;
                size += before->second;
                free_.erase(before);
            }
        }
        if (next != free_.end() && offset + size == next->first) {
            size += next->second;
            free_.erase(next);
        }
        free_.emplace(offset, size);
    }

    /// Takes `size` bytes in a row: behind those taken last if that is free, else the first that are. Empty: there are none.
    std::optional<uint64_t> take(uint64_t size) {
        auto found = free_.find(behind_last_);
        if (found == free_.end() || found->second < size) {
            found = free_.begin();
            while (found != free_.end() && found->second < size) {
                ++found;
            }
        }
        if (found == free_.end()) {
            return {};
        }
        const auto [offset, length] = *found;
        free_.erase(found);
        if (length > size) {
            free_.emplace(offset + size, length - size);
        }
        behind_last_ = offset + size;
        total_ -= size;
        return offset;
    }

    /// In as many pieces as there are.
    uint64_t total() const { return total_; }

private:
    std::map<uint64_t, uint64_t> free_; ///< Sizes by offset; no two of them touch.
    uint64_t total_ = 0;
    uint64_t behind_last_ = 0;
};

} // namespace cuframes::core
