// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/cuda_context.h"
#include "shared/enums.h"
#include "shared/metadata.h"
#include "sink/cuframessink.h"
#include "sink/publication.h"
#include "sink/subscriber_events.h"

#include <atomic>
#include <memory>
#include <string>

namespace cuframes::gst {

/// The sink's properties; guarded by the object lock.
struct SinkSettings {
    std::string key;
    std::string directory;
    std::string access = "user";
    guint slots = 0;
    guint max_slots = CUFRAMES_DEFAULT_MAX_SLOTS;
    GstCuframesPolicy policy = GST_CUFRAMES_POLICY_DROP;
    guint wait_timeout = CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS;
    guint wait_for_subscribers = 0;
    GstCuframesMemory memory = GST_CUFRAMES_MEMORY_AUTO;
    gint cuda_device = -1;
    guint max_subscribers = CUFRAMES_DEFAULT_MAX_SUBSCRIBERS;
};

void install_sink_properties(GObjectClass* klass);
/// Tells the application about one subscriber; the signals and the notification of num-subscribers.
void deliver_subscriber_event(GstElement* sink, const SubscriberEvents::Event& event);

/// What cuframessink does between its start and its stop.
class SinkState {
public:
    explicit SinkState(GstCuframesSink* sink);
    ~SinkState();
    SinkState(const SinkState&) = delete;
    SinkState& operator=(const SinkState&) = delete;

    SinkSettings& settings() { return settings_; }
    SinkSettings copy_settings() const;
    Ring& ring() { return *ring_; }
    CudaContextHolder& cuda() { return cuda_; }

    bool start();
    void stop();
    GstCaps* acceptable_caps() const;
    bool set_caps(GstCaps* caps);
    bool propose_allocation(GstQuery* query);
    GstFlowReturn preroll(GstBuffer* buffer);
    GstFlowReturn render(GstBuffer* buffer);
    void subscribers_changed();
    /// After a flush: what is prerolled next is a picture that somebody looks for.
    void flushed();
    /// Tells readers how long after its capture a frame becomes visible, and returns what this sink is to wait for: the
    /// latency of what is upstream, whatever other branches of the pipeline need.
    GstClockTime tell_latency(GstClockTime pipeline_latency);
    void end_of_stream();

    GstStructure* stats() const;
    guint64 epoch() const;
    guint num_subscribers() const;

private:
    bool check_settings(const SinkSettings& settings);
    bool make_spec(GstCaps* caps, RingSpec* spec);
    bool find_gpu(const SinkSettings& settings, bool frames_on_gpu, RingSpec* spec);
    GstBufferPool* make_pool(GstCaps* caps, const RingSpec& spec, guint* size);
    bool ensure_generation();
    bool enough_subscribers();
    bool upstream_is_live() const;
    GstFlowReturn hold_for_subscribers();
    bool has_reader_of_this_process() const;
    GstFlowReturn show_prerolled();
    void forget_prerolled();
    GstFlowReturn after_interruption();
    GstFlowReturn publish(GstBuffer* buffer, GstClockTime capture = GST_CLOCK_TIME_NONE);
    int publish_in_place(GstMemory* memory, MemoryRecord* record, const cuframes_frame_info& info);
    GstFlowReturn publish_copy(GstBuffer* buffer, const cuframes_frame_info& info);
    int copy_and_publish(cuframes_slot* slot, GstBuffer* buffer, const cuframes_frame_info& info);
    MemoryRecord* own_unpublished_slot(GstBuffer* buffer) const;
    cuframes_frame_info frame_info(GstBuffer* buffer);

    GstCuframesSink* sink_;
    GstElement* element_;
    SinkSettings settings_;
    std::shared_ptr<Ring> ring_ = std::make_shared<Ring>();
    CudaContextHolder cuda_;
    MetaWriter metas_;
    SubscriberEvents events_;
    GstStructure* last_stats_ = nullptr; ///< Of the publisher that was stopped; guarded by the object lock.

    // The streaming thread's.
    GstCaps* caps_ = nullptr;
    GstVideoInfo info_{};
    RingSpec default_spec_{}; ///< For frames that come in somebody else's memory.
    bool caps_changed_ = false;
    GenerationPtr generation_;
    std::atomic<bool> subscribers_came_ = false;
    bool segment_told_ = false; ///< That it is not in time.
    std::atomic<bool> shows_preroll_ = false;
    std::atomic<bool> prerolls_ = false; ///< There is a buffer below.
    GstBuffer* prerolled_ = nullptr;     ///< Guarded by the preroll lock.
    const GstBuffer* shown_ = nullptr;   ///< While it prerolled; compared with and not used.
};

} // namespace cuframes::gst
