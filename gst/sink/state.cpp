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
      frames_(sink, settings_, publication_, negotiation_, buffers_),
      packets_(sink, settings_, publication_, buffers_),
      preroll_(sink, settings_, publication_,
               [this](GstBuffer* buffer, GstClockTime capture) { return publish(buffer, capture); }) {}

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
    packets_.start();
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

bool SinkState::set_caps(GstCaps* caps) {
    const Content before = negotiation_.content();
    if (!negotiation_.set_caps(caps)) {
        return false;
    }
    if (negotiation_.content() != before) {
        warn_of_needless_settings();
    }
    const bool packets = negotiation_.content() == Content::packets;
    // What lies before the beginning of a segment is nothing to see, but what follows is decoded with it.
    gst_base_sink_set_drop_out_of_segment(sink_, !packets);
    return !packets || packets_.set_caps(caps);
}

void SinkState::warn_of_needless_settings() {
    const SinkSettings settings = settings_.copy();
    const bool packets = negotiation_.content() == Content::packets;
    const std::string needless = packets ? settings.changed_for_frames() : settings.changed_for_packets();
    if (!needless.empty()) {
        GST_ELEMENT_WARNING(element_, RESOURCE, SETTINGS,
                            ("cuframessink key=%s: %s: of no meaning here, as what comes is %s, %s",
                             settings.key.c_str(), needless.c_str(), packets ? "packets" : "frames",
                             packets ? "of which max-time and max-bytes say how many are kept"
                                     : "of which slots says how many are kept"),
                            (nullptr));
    }
}

/// Gaps in a stream of frames are sent as buffers without memory: there is no picture to show.
bool SinkState::has_content(GstBuffer* buffer) const {
    return gst_buffer_n_memory(buffer) > 0 || negotiation_.content() == Content::packets;
}

/// They attach to a ring that knows its caps; to packets from their caps on.
bool SinkState::readers_may_attach() {
    return negotiation_.content() == Content::packets || negotiation_.ensure_generation();
}

GstFlowReturn SinkState::preroll(GstBuffer* buffer) {
    if (!has_content(buffer) || !negotiation_.has_caps()) {
        return GST_FLOW_OK; // render() says what is missing
    }
    return readers_may_attach() ? preroll_.hold(buffer) : GST_FLOW_ERROR;
}

GstFlowReturn SinkState::render(GstBuffer* buffer) {
    if (!has_content(buffer)) {
        return GST_FLOW_OK;
    }
    if (!negotiation_.has_caps()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings_.copy().key +
                       ": buffers come without caps; put a capsfilter before it that says what they are",
                   "reading the caps");
        return GST_FLOW_NOT_NEGOTIATED;
    }
    if (!readers_may_attach()) {
        return GST_FLOW_ERROR;
    }
    // A live source cannot be held: frames that it sends before the readers are there are for nobody. Packets are kept.
    if (negotiation_.content() == Content::frames && !preroll_.enough_subscribers()) {
        return GST_FLOW_OK;
    }
    return preroll_.was_shown(buffer) ? GST_FLOW_OK : publish(buffer);
}

GstFlowReturn SinkState::publish(GstBuffer* buffer, GstClockTime capture) {
    return negotiation_.content() == Content::packets ? packets_.publish(buffer, capture)
                                                      : frames_.publish(buffer, capture);
}

/// What is sought in a paused pipeline is a picture to look at, which a packet is not.
void SinkState::flushed() { preroll_.flushed(negotiation_.content() != Content::packets); }

void SinkState::end_of_stream() {
    GST_INFO_OBJECT(sink_, "telling subscribers that the stream has ended");
    publication_->with_publisher(cuframes_publisher_eos);
}

} // namespace cuframes::gst
