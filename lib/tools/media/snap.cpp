// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes snap`: the newest picture as a file.
#include "media/codecs.h"
#include "media/failure.h"
#include "media/newest_packets.h"
#include "media/pipeline.h"
#include "media/run.h"
#include "media/standard_output.h"
#include "shared/say.h"

#include <gst/video/video.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace cuframes::tools {

namespace {

using Clock = std::chrono::steady_clock;

/// Time that is left of what was given.
class Deadline {
public:
    explicit Deadline(Seconds given) : end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(given)) {}
    Seconds left() const { return std::max(Seconds(end_ - Clock::now()), Seconds(0)); }
    GstClockTime left_ns() const { return static_cast<GstClockTime>(left().count() * 1e9); }

private:
    Clock::time_point end_;
};

/// Null: the stream has ended, or the time has passed.
SampleRef take(const Pipeline& pipeline, GstElement* appsink, const Deadline& deadline) {
    GstSample* sample = nullptr;
    g_signal_emit_by_name(appsink, "try-pull-sample", deadline.left_ns(), &sample);
    if (!sample) {
        pipeline.throw_error();
    }
    return SampleRef(sample);
}

SampleRef newest_frame(const Ring& ring, const Deadline& deadline) {
    Pipeline pipeline;
    GstElement* source = pipeline.add(make_source(ring, "snap"));
    gst_util_set_object_arg(G_OBJECT(source), "memory", "system");
    GstElement* sink = pipeline.append(source, "appsink");
    g_object_set(sink, "sync", FALSE, "max-buffers", 1u, nullptr);
    pipeline.set_state(GST_STATE_PLAYING);
    return take(pipeline, sink, deadline);
}

/// Decodes what there is since the newest keyframe, and takes the last picture of it.
SampleRef newest_decoded(const Ring& ring, const Deadline& deadline) {
    if (!ring.is_video()) {
        throw Failure(fmt::format("{} carries {}, of which there is no picture", ring.key, ring.media_type()));
    }
    const std::vector<SampleRef> packets = packets_since_keyframe(ring, "snap", deadline.left());
    Pipeline pipeline;
    GstElement* source = pipeline.add("appsrc");
    g_object_set(source, "format", GST_FORMAT_TIME, "max-bytes", guint64{0}, nullptr);
    const CapsRef caps = ring.parsed_caps();
    GstElement* parser = pipeline.append(source, make_parser(caps.get()));
    GstElement* decoder = pipeline.append(parser, make_decoder(caps.get()));
    // Not in the memory of a GPU, where decoders like to leave it and videoconvert lets it be.
    GstElement* convert = pipeline.append_caps(pipeline.append(decoder, "videoconvert"), "video/x-raw");
    GstElement* sink = pipeline.append(convert, "appsink");
    g_object_set(sink, "sync", FALSE, "max-buffers", 1u, nullptr);
    pipeline.set_state(GST_STATE_PLAYING);
    GstFlowReturn flow = GST_FLOW_OK;
    for (const SampleRef& packet : packets) {
        g_signal_emit_by_name(source, "push-sample", packet.get(), &flow);
    }
    g_signal_emit_by_name(source, "end-of-stream", &flow);
    SampleRef picture;
    for (SampleRef next = take(pipeline, sink, deadline); next; next = take(pipeline, sink, deadline)) {
        picture = std::move(next);
    }
    return picture;
}

SampleRef convert(GstSample* sample, const char* caps) {
    const CapsRef wanted(gst_caps_from_string(caps));
    GError* error = nullptr;
    SampleRef out(gst_video_convert_sample(sample, wanted.get(), GST_CLOCK_TIME_NONE, &error));
    if (!out) {
        throw Failure(fmt::format("the picture could not be converted: {}", ErrorRef(error)->message));
    }
    return out;
}

SampleRef encode(GstSample* picture, const std::string& format) {
    if (format == "png") {
        return convert(picture, "image/png");
    }
    // A JPEG file has full range and the matrix of BT.601, and so does what the encoder makes of RGB; YUV it takes as it is.
    return convert(convert(picture, "video/x-raw, format=(string)RGB").get(), "image/jpeg");
}

void write_picture(GstSample* encoded, const std::string& file) {
    GstMapInfo map;
    if (!gst_buffer_map(gst_sample_get_buffer(encoded), &map, GST_MAP_READ)) {
        throw Failure("the picture could not be read");
    }
    GError* error = nullptr;
    if (file == "-") {
        if (write_out(map.data, map.size) != Written::all) {
            throw Failure(fmt::format("standard output could not be written: {}", std::strerror(errno)));
        }
    } else {
        // At once: who waits for the file never sees a part of it.
        g_file_set_contents(file.c_str(), reinterpret_cast<const char*>(map.data), static_cast<gssize>(map.size),
                            &error);
    }
    gst_buffer_unmap(gst_sample_get_buffer(encoded), &map);
    if (const ErrorRef failed{error}) {
        throw Failure(failed->message);
    }
}

} // namespace

int run(const SnapOptions& options) {
    Loop loop;
    const Deadline deadline{Seconds(options.timeout)};
    const Ring ring = wait_for_ring(loop, options.key, options.directory, deadline.left());
    const SampleRef picture = ring.has_packets ? newest_decoded(ring, deadline) : newest_frame(ring, deadline);
    if (!picture) {
        throw Failure(
            fmt::format("no picture of {} came within {:g} s; \"cuframes info {}\" says what its publisher does",
                        options.key, options.timeout, options.key));
    }
    write_picture(encode(picture.get(), options.format).get(), options.file);
    return exit_done;
}

} // namespace cuframes::tools
