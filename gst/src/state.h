// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/cuda_context.h"
#include "shared/settings.h"
#include "src/attachment.h"
#include "src/frame_reader.h"
#include "src/settings.h"

#include <gst/base/gstbasesrc.h>

namespace cuframes::gst {

/// What cuframessrc does between its start and its stop.
class SrcState {
public:
    explicit SrcState(GstBaseSrc* src);
    SrcState(const SrcState&) = delete;
    SrcState& operator=(const SrcState&) = delete;

    ElementSettings<SrcSettings>& settings() { return settings_; }
    CudaContextHolder& cuda() { return cuda_; }
    /// That of what the key carries.
    ContentReader& reader() { return frames_; }
    const ContentReader& reader() const { return frames_; }

    bool start();
    void stop();
    void set_interrupted(bool interrupted) { attachment_.set_interrupted(interrupted); }
    GstFlowReturn create(GstBuffer** buffer) { return reader().create(buffer); }
    GstClockTime latency() const { return attachment_.latency(); }
    /// What the pipeline's sinks wait for, from a LATENCY event.
    void set_pipeline_latency(GstClockTime latency);
    /// The element is about to play, or to go on.
    void play();
    /// A flush has ended, after which running time begins anew.
    void restart_time() { reader().restart_time(); }
    GstStructure* stats() const { return attachment_.stats(reader().counts()); }

private:
    bool check_settings(const SrcSettings& settings);

    GstBaseSrc* src_;
    GstElement* element_;
    ElementSettings<SrcSettings> settings_;
    CudaContextHolder cuda_;
    Attachment attachment_;
    FrameReader frames_;
};

} // namespace cuframes::gst
