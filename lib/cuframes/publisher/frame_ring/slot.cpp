// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/frame_ring/slot.h"

#include "memory/copy.h"
#include "publisher/frame_ring/frame_publisher.h"

#include <algorithm>

namespace cuframes::core {

Slot::~Slot() {
    if (!published_) {
        // Whoever has it next would find what is still under way in its frame.
        if (first_stream_) {
            more_streams_.push_back(*first_stream_);
        }
        generation_->store().make_busy(index_, more_streams_);
    }
    publisher_->release(*generation_, index_);
}

Result<> Slot::record_stream(const StreamRef& stream) {
    if (!generation_->on_gpu()) {
        return {};
    }
    auto own = generation_->store().identify(stream);
    if (!own) {
        return own.error();
    }
    std::lock_guard lock(mutex_);
    if (!first_stream_) {
        first_stream_ = *own;
    } else if (*first_stream_ != *own &&
               std::find(more_streams_.begin(), more_streams_.end(), *own) == more_streams_.end()) {
        more_streams_.push_back(*own);
    }
    return {};
}

std::optional<StreamRef> Slot::stream(size_t index) {
    std::lock_guard lock(mutex_);
    if (index == 0) {
        return first_stream_;
    }
    return index <= more_streams_.size() ? std::optional(more_streams_[index - 1]) : std::nullopt;
}

Result<> Slot::write(const cuframes_image& image) {
    if (published_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "this slot was published; its pixels belong to its readers now"};
    }
    if (auto fits = check_image(image, generation_->geometry()); !fits) {
        return fits.error();
    }
    // Also a copy that fails may have begun.
    if (auto named = record_stream(image.cuda_stream); !named) {
        return named;
    }
    copied_ = true;
    return generation_->store().write(data(), generation_->geometry(), image);
}

Result<> Slot::publish(const cuframes_frame_info& info, const StreamRef& stream) {
    if (published_) {
        return Error{CUFRAMES_ERROR_INVALID_STATE, "this slot was published before; acquire another one"};
    }
    if (auto named = record_stream(stream); !named) {
        return named;
    }
    for (size_t i = 0; const auto one = this->stream(i); ++i) {
        if (auto complete = generation_->store().complete(*one); !complete) {
            return complete.error();
        }
    }
    auto done = publisher_->publish(generation_, index_, info, copied_);
    published_ = static_cast<bool>(done);
    return done;
}

} // namespace cuframes::core
