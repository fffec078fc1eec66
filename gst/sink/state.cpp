// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/state.h"

#include "shared/errors.h"
#include "shared/gpu_sharing.h"
#include "shared/stats.h"

#include <algorithm>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {

SinkState::SinkState(GstBaseSink* sink, SubscriberEvents::Deliver deliver)
    : sink_(sink),
      element_(GST_ELEMENT_CAST(sink)),
      settings_(element_),
      cuda_(element_),
      events_(element_, deliver),
      negotiation_(sink, settings_, cuda_, publication_),
      buffers_(sink, settings_),
      writer_(sink, settings_, publication_, negotiation_, buffers_),
      preroll_(sink, settings_, publication_,
               [this](GstBuffer* buffer, GstClockTime capture) { return writer_.publish(buffer, capture); }) {}

SinkState::~SinkState() { gst_clear_structure(&last_stats_); }

bool SinkState::check_settings(const SinkSettings& settings) {
    if (settings.key.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_KEY,
                   "cuframessink has no key: set the property key to the name that readers will use", "starting");
        return false;
    }
    if (settings.wait_for_subscribers > settings.max_subscribers) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings.key +
                       " would wait for ever: wait-for-subscribers=" + std::to_string(settings.wait_for_subscribers) +
                       " is more than max-subscribers=" + std::to_string(settings.max_subscribers) +
                       "; lower the one or raise the other",
                   "starting");
        return false;
    }
    // Before the key is taken: a failure leaves nothing behind.
    return settings.memory != GST_CUFRAMES_MEMORY_CUDA ||
           gpu_can_be_shared(element_, settings.key, settings.cuda_device);
}

bool SinkState::start() {
    const SinkSettings settings = settings_.copy();
    cuda_.set_device(settings.cuda_device);
    if (!check_settings(settings)) {
        return false;
    }
    cuframes_publisher_options options = settings.options();
    options.on_subscriber_added = [](const cuframes_subscriber_info* who, void* self) {
        static_cast<SinkState*>(self)->events_.push(*who, std::nullopt);
    };
    options.on_subscriber_removed = [](const cuframes_subscriber_info* who, cuframes_leave_reason why, void* self) {
        static_cast<SinkState*>(self)->events_.push(*who, why);
    };
    options.user_data = this;
    const int result = publication_->open(options);
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "taking the key");
        return false;
    }
    preroll_.start();
    buffers_.start();
    return true;
}

void SinkState::stop() {
    GstStructure* last = stats();
    publication_->close();
    negotiation_.reset();
    preroll_.stop();
    GST_OBJECT_LOCK(sink_);
    std::swap(last_stats_, last);
    GST_OBJECT_UNLOCK(sink_);
    gst_clear_structure(&last);
}

GstStructure* SinkState::stats() const {
    GstStructure* stats = nullptr;
    publication_->with_publisher([&](cuframes_publisher* publisher) {
        stats = publisher_stats(publisher, buffers_.metas_left_behind());
        return CUFRAMES_OK;
    });
    if (stats) {
        return stats;
    }
    GST_OBJECT_LOCK(sink_);
    stats = last_stats_ ? gst_structure_copy(last_stats_) : nullptr;
    GST_OBJECT_UNLOCK(sink_);
    return stats ? stats : publisher_stats(nullptr, 0);
}

GstClockTime SinkState::tell_latency(GstClockTime pipeline_latency) {
    gboolean live = FALSE, upstream_live = FALSE;
    GstClockTime least = 0, most = 0;
    GstClockTime told = 0, own = pipeline_latency;
    if (gst_base_sink_query_latency(sink_, &live, &upstream_live, &least, &most) && upstream_live) {
        own = std::min(least, pipeline_latency);
        const GstClockTimeDiff offset = gst_base_sink_get_ts_offset(sink_);
        // Without sync a frame is shared as soon as it is there, and how late that is readers can see best.
        told = gst_base_sink_get_sync(sink_) ? own + static_cast<GstClockTime>(std::max<GstClockTimeDiff>(offset, 0))
                                             : GST_CLOCK_TIME_NONE;
    }
    GST_INFO_OBJECT(sink_, "latency of frames is %" GST_TIME_FORMAT ", of the pipeline %" GST_TIME_FORMAT,
                    GST_TIME_ARGS(told), GST_TIME_ARGS(pipeline_latency));
    publication_->with_publisher(
        [&](cuframes_publisher* publisher) { return cuframes_publisher_set_latency(publisher, told); });
    return own;
}

guint64 SinkState::epoch() const {
    const GenerationPtr newest = publication_->newest();
    return newest ? newest->epoch : 0;
}

GstFlowReturn SinkState::preroll(GstBuffer* buffer) {
    if (gst_buffer_n_memory(buffer) == 0 || !negotiation_.has_caps()) {
        return GST_FLOW_OK; // render() says what is missing
    }
    // Readers attach to a ring that knows its caps.
    return negotiation_.ensure_generation() ? preroll_.hold(buffer) : GST_FLOW_ERROR;
}

GstFlowReturn SinkState::render(GstBuffer* buffer) {
    // Gaps in the stream are sent as buffers without memory: there is no picture to show.
    if (gst_buffer_n_memory(buffer) == 0) {
        return GST_FLOW_OK;
    }
    if (!negotiation_.has_caps()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings_.copy().key +
                       ": frames come without caps; put a capsfilter before it that says their format and size",
                   "reading the caps");
        return GST_FLOW_NOT_NEGOTIATED;
    }
    if (!negotiation_.ensure_generation()) {
        return GST_FLOW_ERROR;
    }
    // A live source cannot be held: what it sends before the readers are there is for nobody.
    if (!preroll_.enough_subscribers()) {
        return GST_FLOW_OK;
    }
    return preroll_.was_shown(buffer) ? GST_FLOW_OK : writer_.publish(buffer);
}

void SinkState::end_of_stream() {
    GST_INFO_OBJECT(sink_, "telling subscribers that the stream has ended");
    publication_->with_publisher(cuframes_publisher_eos);
}

} // namespace cuframes::gst
