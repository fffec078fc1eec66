// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <map>
#include <mutex>

namespace cuframes::test {

inline constexpr const char* custom_meta_name = "cuframes-test-meta";

/// Known to sender and receiver alike.
void register_custom_meta();

/// From now on every buffer that reaches `element` carries a reference timestamp, a custom meta with its offset, flags,
/// and a meta of a kind that cannot be serialized.
void decorate_buffers(GstElement* element);
/// From now on every buffer that reaches `element` lies in other rows than by default, and has a video meta to say so.
void pad_rows(GstElement* element);
/// From now on the video meta of every buffer that reaches `element` says interlaced, top field first.
void flag_video_meta(GstElement* element);
GstClockTime reference_time(guint64 offset);
GstBufferFlags decoration_flags();

/// Notes when, in CLOCK_MONOTONIC, each buffer that reaches `element` was captured by the words of its timestamp,
/// segment, base time and clock.
class CaptureTimes {
public:
    explicit CaptureTimes(GstElement* element);
    CaptureTimes(const CaptureTimes&) = delete;
    CaptureTimes& operator=(const CaptureTimes&) = delete;
    ~CaptureTimes();

    GstClockTime of(guint64 offset);

private:
    static GstPadProbeReturn note(GstPad* pad, GstPadProbeInfo* info, gpointer self);

    GstElement* element_;
    GstPad* pad_;
    gulong probe_;
    std::mutex mutex_;
    std::map<guint64, GstClockTime> times_;
};

} // namespace cuframes::test
