// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/metadata.h"
#include "src/attachment.h"
#include "src/content_reader.h"
#include "src/display_join.h"
#include "src/flac_header.h"
#include "src/packet_times.h"
#include "src/record_join.h"

#include <gst/base/gstbasesrc.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>

namespace cuframes::gst {

/// As properties and messages say it.
inline guint in_ms(GstClockTime time) { return static_cast<guint>(std::min<guint64>(time / GST_MSECOND, G_MAXUINT)); }

struct PacketUnref {
    void operator()(cuframes_packet* packet) const { cuframes_packet_unref(packet); }
};
using Packet = std::unique_ptr<cuframes_packet, PacketUnref>;

/// Reads the packets of a packet log.
class PacketReader final : public ContentReader {
public:
    PacketReader(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, Attachment& attachment);

    /// The element starts, and stops, whatever the key carries.
    void enter();
    void leave() { join_.load()->leave(); }

    cuframes_subscriber_options options(const SrcSettings& settings) const override;
    void start(cuframes_subscriber* subscriber) override;
    void stop() override;
    GstFlowReturn create(GstBuffer** buffer) override;
    bool negotiate() override;
    bool decide_allocation(GstQuery* query) override;
    GstCaps* caps() const override;
    void run_from(GstClockTimeDiff running) override { join_.load()->run_from(running); }
    void restart_time() override { join_.load()->restart(); }
    void set_pipeline_latency(GstClockTime) override {}
    ReaderCounts counts() const override { return {.early = early_, .metas_skipped = metas_.skipped()}; }
    /// Ends the wait for the other sources of the pipeline. Any thread.
    void set_interrupted(bool interrupted) { join_.load()->set_interrupted(interrupted); }
    /// How far the first packet lay back when it was taken. Any thread.
    GstClockTime preroll_given() const { return preroll_given_; }

private:
    GstFlowReturn take();
    GstFlowReturn prepare(const cuframes_packet_view& view, const PacketTimes& times);
    GstFlowReturn follow_caps(const cuframes_packet_view& view);
    bool take_caps(const cuframes_packet_view& view);
    bool accepted_downstream();
    void note_past(const cuframes_packet_view& view, const PacketTimes& times);
    int next(cuframes_packet** packet);
    void tell_of_wait();
    void tell_of_shorter_past(GstClockTime asked, GstClockTime given);
    bool begin_segment(const cuframes_packet_view& view, const PacketTimes& times, bool is_first);
    GstBuffer* wrap(const Placing& placing);

    GstBaseSrc* src_;
    GstElement* element_;
    const ElementSettings<SrcSettings>& settings_;
    Attachment& attachment_;
    DisplayJoin display_;
    RecordJoin record_;
    std::atomic<Join*> join_;
    MetaReader metas_;
    std::atomic<guint64> early_ = 0;
    std::atomic<GstClockTime> preroll_given_ = 0;

    // The streaming thread's.
    cuframes_subscriber* subscriber_ = nullptr;
    PacketClock clock_;
    Packet packet_;                ///< Was taken and is still to be handed on.
    std::deque<BufferPtr> header_; ///< That goes before it.
    bool discontinuity_pending_ = false;
    bool is_first_ = true;
    bool told_of_wait_ = false;
    bool lacks_keyframe_ = false; ///< What comes cannot be decoded, as its keyframe has no place.
    uint64_t epoch_ = 0, caps_version_ = 0;
    GstCaps* caps_ = nullptr; ///< Guarded by the object lock: queries read it.
};

} // namespace cuframes::gst
