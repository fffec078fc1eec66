// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/state.h"

#include "shared/errors.h"
#include "shared/gpu_sharing.h"

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {

SrcState::SrcState(GstBaseSrc* src)
    : src_(src),
      element_(GST_ELEMENT_CAST(src)),
      settings_(element_),
      cuda_(element_),
      attachment_(element_, settings_),
      frames_(src, settings_, cuda_, attachment_),
      packets_(src, settings_, attachment_),
      reader_(&frames_) {}

bool SrcState::check_settings(const SrcSettings& settings) {
    if (settings.key.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_KEY,
                   "cuframessrc has no key: set the property key to the name that the publisher uses", "starting");
        return false;
    }
    if (settings.preroll_ms > 0 && settings.start != CUFRAMES_START_PREROLL) {
        GST_ELEMENT_WARNING(element_, RESOURCE, SETTINGS,
                            ("cuframessrc key=%s: preroll=%u has no effect without start=preroll", settings.key.c_str(),
                             settings.preroll_ms),
                            (nullptr));
    }
    return settings.memory != GST_CUFRAMES_MEMORY_CUDA ||
           gpu_can_be_shared(element_, settings.key, settings.cuda_device);
}

bool SrcState::start() {
    const SrcSettings settings = settings_.copy();
    cuda_.set_device(settings.cuda_device);
    if (!check_settings(settings)) {
        return false;
    }
    attachment_.reset();
    packets_.enter();
    reader_ = &frames_;
    return attachment_.attach(frames_, nullptr);
}

void SrcState::stop() {
    attachment_.detach(reader());
    packets_.leave();
}

GstFlowReturn SrcState::create(GstBuffer** buffer) {
    for (;;) {
        const GstFlowReturn flow = reader().create(buffer);
        if (flow == GST_FLOW_FLUSHING && goes_on_after_pause()) {
            continue;
        }
        if (flow != flow_other_content) {
            return flow;
        }
        if (!turn_to_other_content()) {
            return GST_FLOW_ERROR;
        }
    }
}

/// A pause is waited for here. The base class lets the streaming thread end and starts it again, but one that is still
/// on its way to end when the pipeline goes on stays ended.
bool SrcState::goes_on_after_pause() {
    if (!paused_ || gst_base_src_wait_playing(src_) != GST_FLOW_OK || !paused_) {
        return false;
    }
    set_interrupted(false);
    return true;
}

/// What a key carries is known when a publisher is there, and another may carry something else.
bool SrcState::turn_to_other_content() {
    ContentReader& before = reader();
    ContentReader& next = &before == &frames_ ? static_cast<ContentReader&>(packets_) : frames_;
    GST_INFO_OBJECT(src_, "the key carries %s", &next == &frames_ ? "frames" : "packets");
    const bool done = attachment_.attach(next, &before);
    reader_ = &next;
    return done;
}

void SrcState::set_interrupted(bool interrupted) {
    if (interrupted) {
        paused_ = pauses_.exchange(false);
    }
    attachment_.set_interrupted(interrupted);
    packets_.set_interrupted(interrupted);
}

void SrcState::play() {
    GstClock* clock = gst_element_get_clock(element_);
    if (!clock) {
        return;
    }
    const GstClockTimeDiff running = GST_CLOCK_DIFF(gst_element_get_base_time(element_), gst_clock_get_time(clock));
    frames_.run_from(running);
    packets_.run_from(running);
    gst_object_unref(clock);
}

void SrcState::restart_time() {
    frames_.restart_time();
    packets_.restart_time();
}

void SrcState::set_pipeline_latency(GstClockTime latency) {
    GST_DEBUG_OBJECT(src_, "the pipeline's latency is %" GST_TIME_FORMAT, GST_TIME_ARGS(latency));
    attachment_.hold([&] { frames_.set_pipeline_latency(latency); });
}

GstStructure* SrcState::stats() const {
    GstStructure* stats = attachment_.stats(reader().counts());
    gst_structure_set(stats, "preroll-given", G_TYPE_UINT, in_ms(preroll_given()), nullptr);
    return stats;
}

} // namespace cuframes::gst
