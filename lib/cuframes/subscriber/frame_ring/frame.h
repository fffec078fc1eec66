// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/fork.h"
#include "subscriber/frame_ring/attached_ring.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace cuframes::core {

/// A leased frame. The last reference to go ends the lease.
class Frame {
public:
    Frame(std::shared_ptr<AttachedRing> ring, const AttachedRing::Lease& lease, uint64_t missed, bool discontinuity);
    Frame(const Frame&) = delete;

    void ref() { references_.fetch_add(1, std::memory_order_relaxed); }
    void unref();

    bool forked() const { return forks_ != fork_count(); }
    const cuframes_frame_view& view() const { return view_; }
    /// The lease ends after what is queued there by then.
    Result<> record_stream(const StreamRef& stream) const;
    Result<> read(const cuframes_image& image) const;

private:
    ~Frame();

    std::shared_ptr<AttachedRing> ring_;
    uint32_t word_;
    std::vector<std::byte> metadata_;
    cuframes_frame_view view_ = {};
    mutable std::mutex mutex_;
    mutable std::vector<StreamRef> streams_; ///< Those that read it, which changes nothing of the frame.
    std::atomic<uint32_t> references_{1};
    const uint32_t forks_ = fork_count();
};

} // namespace cuframes::core
