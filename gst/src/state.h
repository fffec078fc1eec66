// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/cuda_context.h"
#include "shared/settings.h"
#include "src/attachment.h"
#include "src/frame_reader.h"
#include "src/packet_reader.h"
#include "src/settings.h"

#include <gst/base/gstbasesrc.h>

#include <atomic>

namespace cuframes::gst {

/// What cuframessrc does between its start and its stop.
class SrcState {
public:
    explicit SrcState(GstBaseSrc* src);
    SrcState(const SrcState&) = delete;
    SrcState& operator=(const SrcState&) = delete;

    ElementSettings<SrcSettings>& settings() { return settings_; }
    CudaContextHolder& cuda() { return cuda_; }
    /// That of what the key carries, as far as is known.
    ContentReader& reader() { return *reader_; }
    const ContentReader& reader() const { return *reader_; }

    bool start();
    void stop();
    void set_interrupted(bool interrupted);
    GstFlowReturn create(GstBuffer** buffer);
    GstClockTime latency() const { return attachment_.latency(); }
    /// What the pipeline's sinks wait for, from a LATENCY event.
    void set_pipeline_latency(GstClockTime latency);
    /// The element is about to pause: the next interruption is for that.
    void pause() { pauses_ = true; }
    /// The element is about to play, or to go on.
    void play();
    /// A flush has ended, after which running time begins anew.
    void restart_time();
    GstStructure* stats() const;
    GstClockTime preroll_given() const { return packets_.preroll_given(); }

private:
    bool check_settings(const SrcSettings& settings);
    bool turn_to_other_content();
    bool goes_on_after_pause();

    GstBaseSrc* src_;
    GstElement* element_;
    ElementSettings<SrcSettings> settings_;
    CudaContextHolder cuda_;
    Attachment attachment_;
    FrameReader frames_;
    PacketReader packets_;
    std::atomic<ContentReader*> reader_;
    std::atomic<bool> pauses_ = false;
    std::atomic<bool> paused_ = false; ///< The last interruption was for a pause.
};

} // namespace cuframes::gst
