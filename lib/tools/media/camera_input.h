// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/pipeline.h"
#include "options/publish.h"

#include <atomic>
#include <functional>
#include <string>

namespace cuframes::tools {

enum class StreamKind { picture, sound };

class CameraInput;
/// Takes a buffer of a camera, whose times are of CLOCK_MONOTONIC.
using Deliver = std::function<void(const CameraInput& from, StreamKind kind, GstSample* sample)>;

/// What a source is read with, once: a connection to a camera, or a file from its beginning to its end. Encoded streams come
/// as whole packets. Only the first picture and the first sound of a source are taken.
class CameraInput {
public:
    /// `deliver` is called on streaming threads, of each kind in order. `begin`, of files: the time of its first picture.
    CameraInput(const PublishOptions& options, Deliver deliver, GstClockTime begin);
    ~CameraInput();

    /// Calls `gone`, once, in the main loop, with why it went; "": it has ended.
    void start(std::function<void(const std::string& why)> gone);

    /// What it has brought.
    uint64_t count() const { return count_; }
    /// When it last brought something, or was started, in CLOCK_MONOTONIC.
    GstClockTime latest_arrival() const { return arrived_; }
    /// Time behind all that it has brought.
    GstClockTime end() const { return end_; }
    /// How late it brings things, as its elements say.
    GstClockTime latency() const;

private:
    struct Stream {
        CameraInput* input;
        StreamKind kind;
        bool is_waiting_for_keyframe = true;
        bool is_first = true;
    };

    void build(const PublishOptions& options);
    GstElement* add_parsebin();
    void take_stream(GstPad* pad);
    void take_rtp(GstPad* pad);
    void ignore(GstPad* pad);
    void add_sink(GstPad* pad, StreamKind kind);
    GstFlowReturn bring(Stream& stream, GstSample* sample);
    GstClockTime absolute(const GstSegment* segment, GstClockTime time) const;
    void hear(GstMessage* message);
    void tell_gone(const std::string& why);

    Deliver deliver_;
    bool is_live_ = true;
    std::atomic<GstClockTime> begin_;
    GstClockTime started_ = 0;
    std::function<void(const std::string&)> gone_;
    std::atomic<uint64_t> count_ = 0;
    std::atomic<GstClockTime> arrived_;
    std::atomic<GstClockTime> end_ = 0;
    Stream picture_{this, StreamKind::picture};
    Stream sound_{this, StreamKind::sound};
    std::atomic<bool> has_picture_ = false;
    std::atomic<bool> has_sound_ = false;
    guint watch_ = 0;
    Pipeline pipeline_; ///< Before all else it is stopped.
};

/// For the log: without the password that may be in it.
std::string shown_source(const std::string& source);
bool is_rtsp(const std::string& source);
bool is_v4l2(const std::string& source);

} // namespace cuframes::tools
