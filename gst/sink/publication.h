// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "gst-common/layout.h"
#include "shared/cuda_context.h"
#include "shared/memory_book.h"

#include <gst/base/gstbasesink.h>

#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace cuframes::gst {

/// What a generation of the ring is made for.
struct GenerationSpec {
    GstCaps* caps = nullptr; ///< Borrowed by the functions that take a spec; owned by a Generation.
    Layout layout{};
    cuframes_memory memory = CUFRAMES_MEMORY_HOST;
    gint cuda_device = -1;
    CudaHandles cuda{}; ///< Empty with host memory.
};

/// One generation of the ring as the sink's parts share it. Immutable but for its book.
struct Generation {
    explicit Generation(const GenerationSpec& wanted);
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;
    ~Generation();

    GenerationSpec spec;
    uint64_t epoch = 0;
    std::shared_ptr<MemoryBook> book;
};

using GenerationPtr = std::shared_ptr<const Generation>;

/// The sink's publisher, shared with the buffer pools it proposes: they outlive it at times, and acquire from other
/// threads than the one that renders. All functions may be called from any thread.
class Publication {
public:
    /// Why a wait has to end, as bits: the publisher is interrupted while there is one.
    enum Interruption : unsigned {
        unlocking = 1, ///< The base class wants the streaming thread back.
        flushing = 2,  ///< Between FLUSH_START and FLUSH_STOP.
        stopping = 4,  ///< From the state change to READY until the next start.
        draining = 8,  ///< A pool that is deactivated; each of several says so for itself.
    };

    int open(const cuframes_publisher_options& options);
    /// Gives the key back. Memories of slots that are still in use stay valid.
    void close();

    void interrupt(Interruption why, bool on);
    unsigned interruptions() const;

    /// Makes sure that the newest generation fits `spec`: keeps it if it does, else starts another.
    int configure(const GenerationSpec& spec, GenerationPtr* generation);
    GenerationPtr newest() const;
    /// Readers that are attached now.
    guint num_subscribers() const;
    /// Of what is carried now, be it frames or packets; 0 before the first.
    guint64 epoch() const;

    /// A slot of `generation`, or CUFRAMES_ERROR_INVALID_STATE when that is not the newest any more.
    int acquire(const Generation& generation, cuframes_acquire_flags flags, cuframes_slot** slot);
    /// The same, wrapped. The slot is let go with the memory's last reference.
    int acquire_memory(const Generation& generation, cuframes_acquire_flags flags, GstMemory** memory);

    /// Runs `call` with the publisher, if there is one; close() waits for it.
    int with_publisher(const std::function<int(cuframes_publisher*)>& call) const;

private:
    int start_generation(cuframes_publisher* publisher, const GenerationSpec& spec, GenerationPtr* generation);
    void retire(GenerationPtr next);

    mutable std::shared_mutex life_; ///< Shared by calls into the publisher, exclusive to make and destroy it.
    cuframes_publisher* publisher_ = nullptr;
    mutable std::mutex interruption_mutex_;
    cuframes_publisher* interruptible_ = nullptr; ///< The publisher, for those who cannot wait for `life_`.
    unsigned interruptions_ = 0;
    unsigned drainings_ = 0; ///< Pools that are deactivated, side by side.
    std::mutex configure_mutex_;
    mutable std::mutex newest_mutex_;
    GenerationPtr newest_;
    std::vector<CudaHandles> contexts_in_use_; ///< The library wants them alive as long as the publisher.
};

/// What the streaming thread does when a wait of its publisher ended with CUFRAMES_ERROR_INTERRUPTED: GST_FLOW_OK is to try
/// again, after the base class had it back for as long as it wanted.
GstFlowReturn after_interruption(GstBaseSink* sink, const Publication& publication);

/// Slots of host rings beyond the property `slots`: a software decoder goes on reading the frames that it refers to, and
/// would eat up the readers' share. What it never touches is never committed.
inline constexpr uint32_t decoder_reference_slots = 32;

} // namespace cuframes::gst
