// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes play`: a key in a window, or to be heard.
#include "media/codecs.h"
#include "media/failure.h"
#include "media/pipeline.h"
#include "media/run.h"
#include "media/stream_meter.h"
#include "shared/say.h"

#include <gst/video/video.h>
#include <unistd.h>

#include <limits>
#include <memory>

namespace cuframes::tools {

namespace {

/// The sink that an autodetecting one has found; itself, if it is none.
ElementRef found_by(GstElement* sink) {
    GList* children = GST_IS_BIN(sink) ? GST_BIN_CHILDREN(sink) : nullptr;
    return ElementRef(GST_ELEMENT(gst_object_ref(children ? children->data : sink)));
}

class Player {
public:
    Player(Loop& loop, const PlayOptions& options, const std::vector<Ring>& rings) : loop_(loop), options_(options) {
        for (const Ring& ring : rings) {
            add(ring);
        }
    }

    void run() {
        const Timer report(std::chrono::seconds(1), [this] { print_rate(); });
        try {
            pipeline_.play(loop_);
        } catch (const PipelineFailure& failure) {
            // That is how a sink says that its window was closed.
            const bool was_closed = failure.is_resource_error(GST_RESOURCE_ERROR_NOT_FOUND) && meter_->count() > 0;
            if (!was_closed) {
                throw;
            }
        }
        if (!options_.quiet && isatty(STDERR_FILENO)) {
            fmt::print(stderr, "\n");
        }
    }

private:
    void add(const Ring& ring) {
        const CapsRef caps = ring.parsed_caps();
        if (!ring.is_video() && !ring.is_sound()) {
            throw Failure(fmt::format("{} carries {}, which is neither seen nor heard", ring.key, ring.media_type()));
        }
        GstElement* tail = pipeline_.add(make_source(ring, "play"));
        if (ring.has_packets) {
            gst_util_set_object_arg(G_OBJECT(tail), "start", "keyframe");
            gst_util_set_object_arg(G_OBJECT(tail), "join", "display");
        } else {
            gst_util_set_object_arg(G_OBJECT(tail), "mode", options_.mode.c_str());
            gst_util_set_object_arg(G_OBJECT(tail), "memory", "system");
        }
        if (ring.has_packets && ring.media_type() != "audio/x-raw") {
            tail = pipeline_.append(tail, make_parser(caps.get()));
            tail = pipeline_.append(tail, make_decoder(caps.get()));
        }
        if (ring.is_sound()) {
            tail = pipeline_.append(pipeline_.append(tail, "audioconvert"), "audioresample");
        } else {
            tail = pipeline_.append(tail, "videoconvert");
        }
        show(ring, pipeline_.append(tail, "queue"));
    }

    void show(const Ring& ring, GstElement* tail) {
        const bool is_first = meter_ == nullptr;
        const std::string usual = ring.is_sound() ? "autoaudiosink" : "autovideosink";
        const std::string wanted = is_first && !options_.sink.empty() ? options_.sink : usual;
        GError* problem = nullptr;
        GstElement* sink = gst_parse_bin_from_description_full(wanted.c_str(), TRUE, nullptr,
                                                               GST_PARSE_FLAG_NO_SINGLE_ELEMENT_BINS, &problem);
        const ErrorRef error(problem);
        if (!sink) {
            throw Failure(fmt::format("--sink {}: {}", wanted, error ? error->message : "it is no element"));
        }
        pipeline_.append(tail, sink);
        check_found(sink, ring, wanted == usual);
        if (is_first) {
            const PadRef pad(gst_element_get_static_pad(sink, "sink"));
            meter_ = std::make_unique<StreamMeter>(pad.get(), [](GstClockTime) { return GST_CLOCK_TIME_NONE; });
        }
    }

    /// Where there is nothing to show it with, an autodetecting sink takes one that shows nothing.
    static void check_found(GstElement* sink, const Ring& ring, bool is_usual) {
        gst_element_set_state(sink, GST_STATE_READY);
        const ElementRef found = found_by(sink);
        const std::string name = GST_OBJECT_NAME(gst_element_get_factory(found.get()));
        if (is_usual && name == "fakesink") {
            throw Failure(ring.is_sound()
                              ? "there is nothing to hear it with here; cuframes cat or record take it elsewhere"
                              : "there is no display here: neither WAYLAND_DISPLAY nor DISPLAY leads to one; cuframes "
                                "snap writes a picture, and serve shows it elsewhere");
        }
    }

    void print_rate() {
        const uint64_t count = meter_->count();
        const uint64_t shown = count - before_;
        before_ = count;
        if (!options_.quiet) {
            const bool is_terminal = isatty(STDERR_FILENO);
            fmt::print(stderr, "{}{}: {}/s{}", is_terminal ? "\r" : "", options_.key, shown,
                       is_terminal ? "\x1b[K" : "\n");
        }
    }

    Loop& loop_;
    const PlayOptions& options_;
    std::unique_ptr<StreamMeter> meter_; ///< Of the first; after the pipeline no pad calls it.
    uint64_t before_ = 0;
    Pipeline pipeline_;
};

} // namespace

int run(const PlayOptions& options) {
    Loop loop;
    const Seconds limit(options.timeout > 0 ? options.timeout : std::numeric_limits<double>::infinity());
    std::vector<Ring> rings;
    for (const std::string& key : {options.key, options.audio}) {
        if (!key.empty()) {
            rings.push_back(wait_for_ring(loop, key, options.directory, limit, options.quiet));
        }
    }
    Player(loop, options, rings).run();
    return exit_done;
}

} // namespace cuframes::tools
