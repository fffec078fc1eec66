// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/state.h"

#include "shared/errors.h"
#include "shared/stats.h"

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {
namespace {

/// A frame that is later than its publisher's latency by so much has no time of capture that could be believed.
constexpr GstClockTime latest_frame = 10 * GST_SECOND;

/// A camera from which nothing comes for so long stands still, and what it showed last is its picture.
constexpr int64_t still_after_ms = 500;

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

cuframes_subscriber_options options_of(const SrcSettings& settings) {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = settings.key.c_str();
    options.directory = or_null(settings.directory);
    options.name = or_null(settings.name_tag);
    options.mode = settings.mode == GST_CUFRAMES_MODE_STRICT ? CUFRAMES_MODE_STRICT : CUFRAMES_MODE_NEWEST;
    options.max_held = settings.max_held;
    options.min_held = 1; // What is beyond is copied.
    options.copies = settings.on_exhausted == GST_CUFRAMES_ON_EXHAUSTED_COPY;
    options.connect_timeout_ms = settings.connect_timeout;
    options.end_when_gone = settings.on_gone != GST_CUFRAMES_ON_GONE_WAIT;
    options.cuda_device = cuframes_some(static_cast<guint64>(settings.cuda_device));
    return options;
}

} // namespace

SrcState::SrcState(GstCuframesSrc* src)
    : src_(src), element_(GST_ELEMENT_CAST(src)), cuda_(element_), metas_(element_) {}

SrcState::~SrcState() {
    gst_clear_caps(&caps_);
    gst_clear_structure(&last_stats_);
}

SrcSettings SrcState::copy_settings() const {
    GST_OBJECT_LOCK(src_);
    SrcSettings settings = settings_;
    GST_OBJECT_UNLOCK(src_);
    return settings;
}

bool SrcState::start() {
    const SrcSettings settings = copy_settings();
    cuda_.set_device(settings.cuda_device);
    if (settings.key.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_KEY,
                   "cuframessrc has no key: set the property key to the name that the publisher uses", "starting");
        return false;
    }
    if (settings.memory == GST_CUFRAMES_MEMORY_CUDA) {
        const int result = cuframes_cuda_self_test(settings.cuda_device < 0 ? 0 : settings.cuda_device);
        if (result != CUFRAMES_OK) {
            post_error(element_, result, "cuframessrc key=" + settings.key + ": " + cuframes_last_error_message(),
                       "trying to share GPU memory");
            return false;
        }
    }
    cuframes_subscriber_options options = options_of(settings);
    options.on_state = [](cuframes_subscriber_state state, uint64_t epoch, int32_t pid, void* self) {
        static_cast<SrcState*>(self)->state_changed(state, epoch, pid);
    };
    options.user_data = this;
    cuframes_subscriber* subscriber = nullptr;
    const int result = cuframes_subscriber_create(&options, &subscriber);
    // Not with the lock held: whoever hears of it first, on this thread, may ask for the statistics.
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "making the subscriber");
    }
    const std::unique_lock life(life_);
    subscriber_ = subscriber;
    latency_.reset();
    timeline_.restart();
    copied_ = early_ = 0;
    leases_ = 0;
    strict_ = settings.mode == GST_CUFRAMES_MODE_STRICT;
    times_told_ = waiting_told_ = starvation_told_ = copies_told_ = discontinuity_pending_ = false;
    use_latency();
    return result == CUFRAMES_OK;
}

void SrcState::stop() {
    const std::unique_lock life(life_);
    gst_clear_structure(&last_stats_);
    last_stats_ = subscriber_stats(subscriber_, copied_, early_, metas_.skipped());
    cuframes_frame_unref(std::exchange(follower_, nullptr));
    follows_ = GST_FLOW_OK;
    if (book_) {
        book_->close();
    }
    book_.reset();
    copies_.reset();
    gst_clear_object(&descriptor_allocator_);
    epoch_ = 0;
    GST_OBJECT_LOCK(src_);
    gst_clear_caps(&caps_);
    GST_OBJECT_UNLOCK(src_);
    cuframes_subscriber_destroy(std::exchange(subscriber_, nullptr));
}

void SrcState::set_interrupted(bool interrupted) {
    const std::shared_lock life(life_);
    if (subscriber_) {
        cuframes_subscriber_set_interrupted(subscriber_, interrupted);
    }
}

GstStructure* SrcState::stats() const {
    const std::shared_lock life(life_);
    if (!subscriber_ && last_stats_) {
        return gst_structure_copy(last_stats_);
    }
    return subscriber_stats(subscriber_, copied_, early_, metas_.skipped());
}

GstCaps* SrcState::caps() const {
    GST_OBJECT_LOCK(src_);
    GstCaps* caps = caps_ ? gst_caps_ref(caps_) : nullptr;
    GST_OBJECT_UNLOCK(src_);
    return caps;
}

void SrcState::state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid) {
    GST_INFO_OBJECT(src_, "publisher is %s, pid %d, epoch %" G_GUINT64_FORMAT, state_name(state), pid, epoch);
    GstStructure* news =
        gst_structure_new("cuframes-publisher", "state", G_TYPE_STRING, state_name(state), "epoch", G_TYPE_UINT64,
                          epoch, "pid", G_TYPE_INT, pid, "key", G_TYPE_STRING, copy_settings().key.c_str(), nullptr);
    gst_element_post_message(element_, gst_message_new_element(GST_OBJECT_CAST(src_), news));
}

void SrcState::play() {
    GstClock* clock = gst_element_get_clock(element_);
    if (!clock) {
        return;
    }
    timeline_.run_from(GST_CLOCK_DIFF(gst_element_get_base_time(element_), gst_clock_get_time(clock)));
    gst_object_unref(clock);
}

GstFlowReturn SrcState::create(GstBuffer** buffer) {
    for (;;) {
        cuframes_frame* frame = nullptr;
        GstFlowReturn flow = next_frame(&frame);
        if (flow != GST_FLOW_OK) {
            return flow;
        }
        const TimeMap times(element_);
        const cuframes_frame_view& view = *cuframes_frame_get(frame);
        const std::optional<GstClockTime> pts = timeline_.place(times, capture_time(view), view.duration);
        if (!pts) {
            leave_out(frame);
            continue;
        }
        flow = output(frame, times, *pts, buffer);
        cuframes_frame_unref(frame);
        return flow;
    }
}

/// Of the frames captured before the pipeline ran the first is shown at once in newest mode. In strict mode it is the last,
/// so that nothing is missing behind it; which is the last is known when the next is there, or does not come.
GstFlowReturn SrcState::next_frame(cuframes_frame** frame) {
    if (follower_) {
        *frame = std::exchange(follower_, nullptr);
        return GST_FLOW_OK;
    }
    if (follows_ != GST_FLOW_OK) {
        return std::exchange(follows_, GST_FLOW_OK);
    }
    GstFlowReturn flow = take_frame(frame, -1);
    if (!strict_) {
        return flow;
    }
    while (flow == GST_FLOW_OK && is_early(*frame)) {
        cuframes_frame* next = nullptr;
        flow = take_frame(&next, still_after_ms);
        if (!next) {
            follows_ = flow;
            return GST_FLOW_OK;
        }
        if (!is_early(next)) {
            follower_ = next;
            return GST_FLOW_OK;
        }
        leave_out(*frame);
        *frame = next;
    }
    return flow;
}

/// As the publisher says; when that was so long before it was published that it cannot be meant, the time of that. Frames
/// that seem to come from before the pipeline ran for ever would else never be shown.
GstClockTime SrcState::capture_time(const cuframes_frame_view& view) {
    const GstClockTime expected = GST_CLOCK_TIME_IS_VALID(view.latency) ? view.latency : 0;
    if (!GST_CLOCK_TIME_IS_VALID(view.pts) || view.pts + expected + latest_frame >= view.publish_time) {
        return view.pts;
    }
    if (!std::exchange(times_told_, true)) {
        GST_ELEMENT_WARNING(element_, STREAM, FORMAT,
                            ("cuframessrc key=%s: the publisher's frames say that they were captured %" G_GUINT64_FORMAT
                             " s before they were published; give times of CLOCK_MONOTONIC, in nanoseconds, or none",
                             copy_settings().key.c_str(), (view.publish_time - view.pts) / GST_SECOND),
                            ("the time of publication is used instead"));
    }
    return view.publish_time;
}

bool SrcState::is_early(const cuframes_frame* frame) {
    return !timeline_.has_begun() &&
           timeline_.is_before_beginning(TimeMap(element_), capture_time(*cuframes_frame_get(frame)));
}

void SrcState::leave_out(cuframes_frame* frame) {
    const cuframes_frame_view& view = *cuframes_frame_get(frame);
    GST_LOG_OBJECT(src_, "frame %" G_GUINT64_FORMAT " was captured before this pipeline ran: left out", view.sequence);
    discontinuity_pending_ = discontinuity_pending_ || view.discontinuity;
    ++early_;
    cuframes_frame_unref(frame);
}

/// No frame and GST_FLOW_OK: none came in time, or none can be taken before another is given back.
GstFlowReturn SrcState::take_frame(cuframes_frame** frame, int64_t timeout_ms) {
    // The library tells of changes; this is where they start from.
    if (!std::exchange(waiting_told_, true)) {
        state_changed(CUFRAMES_STATE_WAITING, 0, 0);
    }
    for (;;) {
        const int result = cuframes_subscriber_next(subscriber_, timeout_ms, frame);
        if (result == CUFRAMES_ERROR_EOS && copy_settings().on_eos == GST_CUFRAMES_ON_EOS_WAIT) {
            continue;
        }
        if (timeout_ms >= 0 && (result == CUFRAMES_ERROR_TIMEOUT || result == CUFRAMES_ERROR_LEASES_EXHAUSTED)) {
            return GST_FLOW_OK;
        }
        const GstFlowReturn flow = result == CUFRAMES_ERROR_LEASES_EXHAUSTED ? wait_for_lease() : flow_of(result);
        if (result == CUFRAMES_OK || flow != GST_FLOW_OK) {
            return flow;
        }
    }
}

GstFlowReturn SrcState::flow_of(int result) {
    switch (result) {
    case CUFRAMES_OK:
        return GST_FLOW_OK;
    case CUFRAMES_ERROR_INTERRUPTED:
        return GST_FLOW_FLUSHING;
    case CUFRAMES_ERROR_EOS:
        return GST_FLOW_EOS;
    case CUFRAMES_ERROR_PUBLISHER_GONE:
        if (copy_settings().on_gone == GST_CUFRAMES_ON_GONE_EOS) {
            return GST_FLOW_EOS;
        }
        [[fallthrough]];
    default:
        post_library_error(element_, result, "taking a frame");
        return GST_FLOW_ERROR;
    }
}

} // namespace cuframes::gst
