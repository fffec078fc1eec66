// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/camera_input.h"
#include "media/pipeline.h"
#include "options/publish.h"

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace cuframes::tools {

/// Publishes what a camera brings of one kind, under its keys. It stays when the camera is connected to anew, and with
/// it what readers are attached to, and the past of the packets.
class CameraOutlet {
public:
    /// For buffers with these caps, or others of the same type. Throws what cannot be published.
    CameraOutlet(const PublishOptions& options, StreamKind kind, const GstCaps* caps, bool is_live,
                 GstClockTime latency);

    /// Calls back, once, in the main loop, with why it cannot go on; "": the end of the stream has been published.
    void start(std::function<void(const std::string& why)> gone);
    ~CameraOutlet();

    bool takes(const GstCaps* caps) const;
    /// Of a file it waits until what was pushed before is shared, but for a second.
    void push(GstSample* sample);
    void end();

    uint64_t pushed() const { return pushed_; }
    /// By all its keys.
    uint64_t published() const;
    /// "frames as cam, packets as cam.h264"
    std::string shown() const;

private:
    void add_source(const GstCaps* caps, bool is_live, GstClockTime latency);
    void build_raw(const PublishOptions& options, const GstCaps* caps);
    void build_encoded(const PublishOptions& options, StreamKind kind, const GstCaps* caps, bool is_live);
    GstElement* add_queue(GstElement* tee, bool is_leaky);
    void add_sink(GstElement* tail, const PublishOptions& options, const std::string& key, const char* content);
    void hear(GstMessage* message);

    CapsRef kind_;
    GstElement* source_ = nullptr;
    struct Sink {
        GstElement* element;
        std::string key;
        std::string content;
    };
    std::vector<Sink> sinks_;
    std::atomic<uint64_t> pushed_ = 0;
    std::function<void(const std::string&)> gone_;
    guint watch_ = 0;
    Pipeline pipeline_;
};

} // namespace cuframes::tools
