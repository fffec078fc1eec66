// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes cat`: packets or frames on standard output.
#include "media/codecs.h"
#include "media/failure.h"
#include "media/pipeline.h"
#include "media/run.h"
#include "media/standard_output.h"
#include "media/with_past.h"
#include "shared/say.h"

#include <gst/app/app.h>
#include <gst/video/video.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace cuframes::tools {

namespace {

/// As programs expect packets that are in no container; all others are as they are.
const char* plain_form(const std::string& type) {
    static constexpr std::array<std::pair<const char*, const char*>, 5> forms{{
        {"video/x-h264", "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au"},
        {"video/x-h265", "video/x-h265, stream-format=(string)byte-stream, alignment=(string)au"},
        {"video/x-h266", "video/x-h266, stream-format=(string)byte-stream, alignment=(string)au"},
        {"video/x-av1", "video/x-av1, stream-format=(string)obu-stream, alignment=(string)tu"},
        {"audio/mpeg", "audio/mpeg, stream-format=(string)adts; audio/mpeg, mpegversion=(int)1"},
    }};
    for (const auto& [name, form] : forms) {
        if (type == name) {
            return form;
        }
    }
    return nullptr;
}

/// The bytes of a picture's rows, without what lies between them.
Written write_frame(const GstVideoInfo& info, GstBuffer* buffer) {
    GstVideoFrame frame;
    if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) {
        errno = EIO;
        return Written::failed;
    }
    Written written = Written::all;
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame) && written == Written::all; ++plane) {
        gint components[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(frame.info.finfo, plane, components);
        const auto* row = static_cast<const char*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
        const int stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
        const int pixels = GST_VIDEO_FRAME_COMP_WIDTH(&frame, components[0]);
        const int used = pixels * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, components[0]);
        // Some formats have pixels that are no whole bytes.
        const int bytes = used > 0 ? used : stride;
        for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, components[0]) && written == Written::all; ++y) {
            written = write_out(row, static_cast<size_t>(bytes));
            row += stride;
        }
    }
    gst_video_frame_unmap(&frame);
    return written;
}

class Output {
public:
    Output(Loop& loop, const CatOptions& options, const Ring& ring) : loop_(loop), options_(options) {
        GstElement* source = pipeline_.add(make_source(ring, "cat"));
        GstElement* sink = pipeline_.append(ring.has_packets ? of_packets(source, ring) : of_frames(source), "appsink");
        g_object_set(sink, "sync", FALSE, "max-buffers", 4u, nullptr);
        GstAppSinkCallbacks callbacks = {};
        callbacks.new_sample = [](GstAppSink* from, gpointer self) {
            const SampleRef sample(gst_app_sink_pull_sample(from));
            return sample ? static_cast<Output*>(self)->write(sample.get()) : GST_FLOW_EOS;
        };
        gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, this, nullptr);
    }

    void run() {
        // Who does not read is not waited for in the end.
        pipeline_.give_time(Seconds(1), [] { std::_Exit(exit_done); });
        pipeline_.play(loop_);
        if (!problem_.empty()) {
            throw Failure(problem_);
        }
    }

private:
    GstElement* of_packets(GstElement* source, const Ring& ring) {
        gst_util_set_object_arg(G_OBJECT(source), "join", "record");
        gst_util_set_object_arg(G_OBJECT(source), "start", options_.preroll > 0 ? "preroll" : "keyframe");
        g_object_set(source, "preroll", static_cast<guint>(options_.preroll * 1000), nullptr);
        const CapsRef caps = ring.parsed_caps();
        if (options_.transport_stream) {
            GstElement* tail = pipeline_.append(source, make_parser(caps.get()));
            tail = pipeline_.append_caps(tail, ring.media_type().c_str());
            return pipeline_.append(tail, "mpegtsmux");
        }
        const char* form = plain_form(ring.media_type());
        if (!form) {
            return source;
        }
        GstElement* parser = make_parser(caps.get());
        if (g_object_class_find_property(G_OBJECT_GET_CLASS(parser), "config-interval")) {
            // Who comes in the middle of a pipe finds the parameter sets before each keyframe.
            g_object_set(parser, "config-interval", -1, nullptr);
        }
        return pipeline_.append_caps(pipeline_.append(source, parser), form);
    }

    GstElement* of_frames(GstElement* source) {
        gst_util_set_object_arg(G_OBJECT(source), "memory", "system");
        is_raw_ = !options_.y4m;
        return is_raw_ ? source : pipeline_.append(pipeline_.append(source, "videoconvert"), "y4menc");
    }

    /// On the streaming thread.
    GstFlowReturn write(GstSample* sample) {
        const GstCaps* caps = gst_sample_get_caps(sample);
        if (!said_ || !gst_caps_is_equal(said_.get(), caps)) {
            if (said_ && (is_raw_ || options_.y4m)) {
                return stop("its frames have another form from here on; start again for those");
            }
            said_.reset(gst_caps_copy(caps));
            tell(caps);
        }
        const Written written = is_raw_ ? write_raw(sample) : write_bytes(gst_sample_get_buffer(sample));
        switch (written) {
        case Written::all:
            return GST_FLOW_OK;
        case Written::reader_left:
            return stop("");
        case Written::failed:
            return stop(fmt::format("standard output: {}", std::strerror(errno)));
        }
        return GST_FLOW_ERROR;
    }

    Written write_raw(GstSample* sample) {
        GstVideoInfo info;
        gst_video_info_init(&info);
        gst_video_info_from_caps(&info, gst_sample_get_caps(sample));
        return write_frame(info, gst_sample_get_buffer(sample));
    }

    static Written write_bytes(GstBuffer* buffer) {
        GstMapInfo map;
        if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) {
            errno = EIO;
            return Written::failed;
        }
        const Written written = write_out(map.data, map.size);
        gst_buffer_unmap(buffer, &map);
        return written;
    }

    GstFlowReturn stop(const std::string& problem) {
        if (!stopped_.exchange(true)) {
            problem_ = problem.empty() ? "" : fmt::format("{}: {}", options_.key, problem);
            loop_.quit();
        }
        return GST_FLOW_EOS;
    }

    void tell(const GstCaps* caps) const {
        if (!options_.quiet) {
            const CapsRef shown(gst_caps_copy(caps));
            gst_structure_remove_fields(gst_caps_get_structure(shown.get(), 0), "codec_data", "streamheader", nullptr);
            const Text text(gst_caps_to_string(shown.get()));
            fmt::print(stderr, "{}: {}\n", options_.key, text.get());
        }
    }

    Loop& loop_;
    const CatOptions& options_;
    bool is_raw_ = false;
    CapsRef said_;
    std::atomic<bool> stopped_ = false;
    std::string problem_;
    Pipeline pipeline_;
};

void check_form(const CatOptions& options, const Ring& ring) {
    if (ring.has_packets && options.y4m) {
        throw Failure(fmt::format("{} carries packets, and --y4m is for frames", ring.key));
    }
    if (!ring.has_packets && options.transport_stream) {
        throw Failure(fmt::format("{} carries frames, and --ts is for packets", ring.key));
    }
    if (options.preroll > 0) {
        check_past(ring);
    }
}

} // namespace

int run(const CatOptions& options) {
    if (isatty(STDOUT_FILENO)) {
        complain("cat", "standard output is a terminal; give it to a program, or to a file");
        return exit_usage;
    }
    Loop loop;
    const Seconds limit(options.timeout > 0 ? options.timeout : std::numeric_limits<double>::infinity());
    const Ring ring = wait_for_ring(loop, options.key, options.directory, limit, options.quiet);
    check_form(options, ring);
    Output(loop, options, ring).run();
    return exit_done;
}

} // namespace cuframes::tools
