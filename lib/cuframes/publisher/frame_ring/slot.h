// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"
#include "publisher/frame_ring/frame_publisher.h"
#include "publisher/frame_ring/ring_generation.h"

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace cuframes::core {

/// A slot held by the producer. Keeps its generation's memory, and the publisher's bookkeeping, alive.
class Slot {
public:
    Slot(std::shared_ptr<FramePublisher> publisher, std::shared_ptr<RingGeneration> generation, uint32_t index)
        : publisher_(std::move(publisher)), generation_(std::move(generation)), index_(index) {}
    Slot(const Slot&) = delete;
    ~Slot();

    std::byte* data() const { return generation_->slot_data(index_); }
    uint32_t index() const { return index_; }
    uint64_t epoch() const { return generation_->epoch(); }

    Result<> write(const cuframes_image& image);
    /// Whatever becomes of the slot waits for what is queued there.
    Result<> record_stream(const StreamRef& stream);
    Result<> publish(const cuframes_frame_info& info, const StreamRef& stream);

private:
    std::shared_ptr<FramePublisher> publisher_;
    std::shared_ptr<RingGeneration> generation_;
    uint32_t index_;
    /// The stream of that number, in the order in which they were named; empty: there are no more.
    std::optional<StreamRef> stream(size_t index);

    std::mutex mutex_;                      ///< Over the streams, which tensors of the slot add to from any thread.
    std::optional<StreamRef> first_stream_; ///< Mostly there is one, and no frame is to cost an allocation for it.
    std::vector<StreamRef> more_streams_;
    bool copied_ = false;
    bool published_ = false;
};

} // namespace cuframes::core
