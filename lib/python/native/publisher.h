// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"
#include "source.h"
#include "writer.h"

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cuframes::python {

/// A slot being written. Tensors taken from it keep the memory from being reused, also after it was published.
class Slot final : public Source {
public:
    Slot(cuframes_slot* owned, const cuframes_geometry& geometry, DLDevice device);

    tensors::Pixels pixels() const override;
    tensors::Owner keep(int64_t stream) override;

    void record_stream(int64_t stream);
    /// Makes the frame visible once the work on the streams known is complete; times of -1 are unknown.
    void publish(int64_t pts, int64_t dts, int64_t duration, uint32_t flags, nb::bytes metadata);
    /// Copies the planes of `source` into the slot. Those with steps only into host memory.
    void write(const tensors::SourceFrame& source, const core::StreamRef& stream);
    void release();
    bool released() const;
    uint32_t index() const;
    uint64_t epoch() const;

private:
    using Handle = std::shared_ptr<cuframes_slot>;

    Handle held() const;
    mutable std::mutex mutex_;
    Handle slot_;
    core::StreamRef last_stream_ = {}; ///< The others that are known the library remembers.
    const cuframes_geometry geometry_;
    const DLDevice device_;
};

/// A publisher of frames.
class Publisher final : public Writer {
public:
    Publisher(const std::string& key, const std::string& directory, const std::string& access, uint32_t slots,
              uint32_t max_slots, int policy, uint32_t wait_timeout_ms, uint32_t max_subscribers);

    void configure(const std::string& format, uint32_t width, uint32_t height, int memory, int32_t cuda_device,
                   const std::string& caps);
    std::unique_ptr<Slot> acquire(bool wait);
    /// Copies tensors into a slot and publishes it. False: no slot was free, and the frame counts as dropped.
    bool send(const std::vector<nb::object>& capsules, int64_t pts, int64_t dts, int64_t duration, uint32_t flags,
              nb::bytes metadata, int64_t stream);
    void drop();

private:
    /// Of one generation.
    struct Layout {
        uint64_t epoch = 0;
        cuframes_geometry geometry = {};
        DLDevice device = {kDLCPU, 0};
    };

    core::Result<std::unique_ptr<Slot>> take(bool wait);
    Layout layout_of(uint64_t epoch);
    Layout newest_layout();
    /// The driver copies compact rows: what has steps is copied into such, and `source` is where they are then.
    static std::shared_ptr<tensors::OwnedFrame> gather_for_gpu(tensors::SourceFrame& source, const Layout& layout);
    static core::StreamRef stream_of_copy(const tensors::SourceFrame& source, const Layout& layout, int64_t stream);

    std::mutex configuring_; ///< Held while a generation is made and its layout noted.
    std::mutex noting_;
    std::deque<Layout> layouts_; ///< The newest last: a slot may be of a generation that was just superseded.
    const bool waits_;
};

void bind_publisher(nb::module_& module);

} // namespace cuframes::python
