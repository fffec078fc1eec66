// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/frame_ring/frame.h"

#include "base/fork.h"
#include "memory/copy.h"
#include "protocol/frame_record.h"

#include <algorithm>

namespace cuframes::core {

Frame::Frame(std::shared_ptr<AttachedRing> ring, const AttachedRing::Lease& lease, uint64_t missed, bool discontinuity)
    : ring_(std::move(ring)), word_(lease.word), metadata_(ring_->metadata(lease.taken.slot)) {
    const RingDescription& description = ring_->description();
    const SlotRecord& record = ring_->record(lease.taken.slot);
    view_.struct_size = sizeof(view_);
    view_.memory = description.memory;
    view_.data = ring_->slot_data(lease.taken.slot);
    view_.geometry = &description.geometry;
    view_.caps = description.caps.c_str();
    view_.slot = lease.taken.slot;
    view_.cuda_device = ring_->frames().device();
    view_.epoch = description.control.epoch;
    view_.sequence = lease.taken.sequence;
    view_.missed = missed;
    view_.discontinuity = discontinuity;
    from_record(view_, record);
    view_.metadata = metadata_.empty() ? nullptr : metadata_.data();
    view_.metadata_size = metadata_.size();
    view_.latency = ring_->latency();
    view_.spare = ring_->spare();
    view_.fd = ring_->frames().fd();
    view_.fd_offset = view_.fd >= 0 ? description.slot_offset(view_.slot) : 0;
}

Frame::~Frame() { ring_->release(word_, streams_); }

void Frame::unref() {
    // A forked child's copy shares the lease with its parent, who may still read the frame.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1 && forks_ == fork_count()) {
        delete this;
    }
}

Result<> Frame::record_stream(const StreamRef& stream) const {
    auto own = ring_->frames().identify(stream);
    if (!own) {
        return own.error();
    }
    if (*own) {
        std::lock_guard lock(mutex_);
        if (std::find(streams_.begin(), streams_.end(), **own) == streams_.end()) {
            streams_.push_back(**own);
        }
    }
    return {};
}

Result<> Frame::read(const cuframes_image& image) const {
    if (auto fits = check_image(image, *view_.geometry); !fits) {
        return fits.error();
    }
    // Also a copy that fails may have begun.
    if (auto named = record_stream(image.cuda_stream); !named) {
        return named;
    }
    return ring_->frames().read(static_cast<const std::byte*>(view_.data), *view_.geometry, image);
}

} // namespace cuframes::core
