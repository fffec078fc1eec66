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
      frames_(src, settings_, cuda_, attachment_) {}

bool SrcState::check_settings(const SrcSettings& settings) {
    if (settings.key.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_KEY,
                   "cuframessrc has no key: set the property key to the name that the publisher uses", "starting");
        return false;
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
    return attachment_.attach(frames_, nullptr);
}

void SrcState::stop() { attachment_.detach(frames_); }

void SrcState::play() {
    GstClock* clock = gst_element_get_clock(element_);
    if (!clock) {
        return;
    }
    reader().run_from(GST_CLOCK_DIFF(gst_element_get_base_time(element_), gst_clock_get_time(clock)));
    gst_object_unref(clock);
}

void SrcState::set_pipeline_latency(GstClockTime latency) {
    GST_DEBUG_OBJECT(src_, "the pipeline's latency is %" GST_TIME_FORMAT, GST_TIME_ARGS(latency));
    attachment_.hold([&] { reader().set_pipeline_latency(latency); });
}

} // namespace cuframes::gst
