// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "publisher/member.h"
#include "ring/lease.h"

#include <algorithm>
#include <cstdint>

namespace cuframes::core {

/// What one reader of frames was granted.
class FrameShare : public Share {
public:
    FrameShare(uint32_t granted, uint32_t copies) : granted_(granted), copies_(copies) {}

    /// More leases, and more frames to be kept for it.
    void grant(uint32_t leases, uint32_t frames) {
        granted_ = std::max(granted_, leases);
        frames_ = std::max(frames_, frames);
    }

    uint32_t granted() const { return granted_; }
    /// Leases on top, each for the time of a copy.
    uint32_t copies() const { return copies_; }
    /// Newest frames to be kept on its behalf, whatever is leased of older ones.
    uint32_t frames() const { return frames_; }

    bool answer_owed = false; ///< To a Want.

private:
    uint32_t granted_;
    uint32_t copies_;
    uint32_t frames_ = 0;
};

/// A page with lease words, which a member of this content has.
inline const LeasePage* lease_page(const ReaderPage* page) { return reinterpret_cast<const LeasePage*>(page); }

} // namespace cuframes::core
