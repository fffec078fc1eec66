// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/clocking.h"
#include "shared/memory_book.h"
#include "shared/metadata.h"
#include "src/copy_pool.h"
#include "src/negotiation.h"

#include <atomic>
#include <memory>

namespace cuframes::gst {

/// Makes buffers of the frames of the ring: around the slot itself, or around a copy of it. The streaming thread's.
class FrameBuffers {
public:
    FrameBuffers(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, CudaContextHolder& cuda,
                 const SrcNegotiation& negotiation);

    void start();
    void stop();

    /// Another generation was agreed on, whose first frame this is.
    void begin_generation(const cuframes_frame_view& view) { make_book(view); }
    /// In the same generation, downstream may be another element now, and a ring that was left and joined again is mapped
    /// at another place.
    void follow(const cuframes_frame_view& view);
    /// Frames before the next one are missing.
    void note_discontinuity(const cuframes_frame_view& view) {
        discontinuity_pending_ = discontinuity_pending_ || view.discontinuity;
    }
    /// The frame's buffer; `lease_goes_back`: a copy also where frames leave in place.
    GstFlowReturn read(cuframes_frame* frame, bool lease_goes_back, const TimeMap& times, GstClockTime pts,
                       GstBuffer** buffer);

    guint64 copied() const { return copied_; }                 ///< Any thread.
    guint64 metas_skipped() const { return metas_.skipped(); } ///< Any thread.

private:
    bool wants_descriptors(const cuframes_frame_view& view) const {
        return negotiation_.descriptor_allocator() && view.fd >= 0;
    }
    void make_book(const cuframes_frame_view& view);
    void wrap(cuframes_frame* frame, GstBuffer** buffer);
    GstBuffer* buffer_for_copy();
    GstFlowReturn copy(cuframes_frame* frame, GstBuffer** buffer);
    int copy_pixels(cuframes_frame* frame, GstBuffer* buffer);
    void describe(GstBuffer* buffer, const cuframes_frame_view& view, const TimeMap& times, GstClockTime pts,
                  bool copied);

    GstBaseSrc* src_;
    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    CudaContextHolder& cuda_;
    const SrcNegotiation& negotiation_;
    MetaReader metas_;
    std::atomic<guint64> copied_ = 0;
    std::shared_ptr<MemoryBook> book_;
    bool book_has_descriptors_ = false;
    const void* book_base_ = nullptr; ///< Where the ring was when the book was made.
    CopyPool copies_;                 ///< For frames that are copied in place of being lent.
    bool discontinuity_pending_ = false;
};

} // namespace cuframes::gst
