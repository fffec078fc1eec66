// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/recording.h"

#include "media/codecs.h"
#include "media/file_form.h"
#include "media/pipeline.h"
#include "media/stream_meter.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

namespace cuframes::tools {

namespace {

/// How long after its time the last packet of a camera with a latency may come.
constexpr Seconds grace{5};

std::string size_word(uintmax_t bytes) {
    return bytes < 10'000'000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3)
                              : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

uintmax_t size_of(const std::string& file) {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(file, error);
    return error ? 0 : size;
}

class Recorder {
public:
    Recorder(Loop& loop, const RecordingPlan& plan) : loop_(loop), plan_(plan) {
        begin_ = newest_keyframe(plan.rings.front());
        GstElement* muxer = add_muxer(pipeline_, plan.file);
        for (const Ring& ring : plan.rings) {
            add_stream(ring, muxer);
        }
        GstElement* sink = pipeline_.append(muxer, "filesink");
        g_object_set(sink, "location", plan.file.c_str(), "async", FALSE, nullptr);
        pipeline_.on_message([this](GstMessage* message) { hear(message); });
    }

    void run() {
        const Timer look(std::chrono::milliseconds(250), [this] { look_around(); });
        try {
            pipeline_.play(loop_);
        } catch (const PipelineFailure& failure) {
            clear_line();
            explain(failure);
        }
        clear_line();
        conclude();
    }

private:
    void add_stream(const Ring& ring, GstElement* muxer) {
        GstElement* source = pipeline_.add(make_source(ring, plan_.verb));
        set_beginning(source, ring);
        const PadRef pad(gst_element_get_static_pad(source, "src"));
        meters_.push_back(std::make_unique<StreamMeter>(
            pad.get(), [this, source](GstClockTime first) { return end_of(source, first); }));
        link_to_muxer(pipeline_, source, ring, muxer, plan_.file);
    }

    void set_beginning(GstElement* source, const Ring& ring) const {
        g_object_set(source, "mode", 1, nullptr);
        if (!ring.has_packets) {
            return;
        }
        if (!plan_.rings.front().has_packets) {
            // Sound beside frames, which have no past: both by their times of capture.
            gst_util_set_object_arg(G_OBJECT(source), "start", "live");
            return;
        }
        gst_util_set_object_arg(G_OBJECT(source), "join", "record");
        gst_util_set_object_arg(G_OBJECT(source), "start", plan_.before ? "preroll" : "time");
        if (plan_.before) {
            g_object_set(source, "preroll", static_cast<guint>(plan_.before->count() * 1000), nullptr);
        } else {
            g_object_set(source, "start-time", begin_, nullptr);
        }
    }

    /// In running time, of a stream that began at `first`.
    GstClockTime end_of(GstElement* source, GstClockTime first) const {
        if (plan_.length) {
            return first + static_cast<GstClockTime>(plan_.length->count() * 1e9);
        }
        if (!plan_.after) {
            return GST_CLOCK_TIME_NONE;
        }
        guint given = 0;
        g_object_get(source, "preroll-given", &given, nullptr);
        return first + given * GST_MSECOND + static_cast<GstClockTime>(plan_.after->count() * 1e9);
    }

    const StreamMeter& picture() const { return *meters_.front(); }

    void look_around() {
        if (!plan_.quiet && isatty(STDERR_FILENO)) {
            fmt::print(stderr, "\r{}\x1b[K", progress());
            shows_line_ = true;
        }
        // The first that is full says when: sound may come in larger pieces.
        const bool is_full = picture().is_full();
        // A camera that stands still has no picture that says so.
        const auto wanted = plan_.length ? plan_.length : plan_.after;
        const bool is_late = wanted && picture().count() > 0 && picture().since_first() > *wanted + grace;
        if ((is_full || is_late) && !ending_) {
            ending_ = true;
            pipeline_.end();
        }
    }

    std::string progress() const {
        return fmt::format("{:.1f} s, {}, {} {}", picture().length().count(), size_word(size_of(plan_.file)),
                           picture().count(), plan_.rings.front().is_sound() ? "packets" : "pictures");
    }

    void clear_line() {
        if (shows_line_) {
            fmt::print(stderr, "\r\x1b[K");
            shows_line_ = false;
        }
    }

    void hear(GstMessage* message) {
        const GstStructure* said = gst_message_get_structure(message);
        if (!plan_.before || GST_MESSAGE_TYPE(message) != GST_MESSAGE_ELEMENT ||
            !gst_structure_has_name(said, "cuframes-preroll")) {
            return;
        }
        guint asked = 0;
        guint given = 0;
        gst_structure_get(said, "asked", G_TYPE_UINT, &asked, "given", G_TYPE_UINT, &given, nullptr);
        clear_line();
        fmt::print(stderr,
                   "cuframes {}: the past of {} goes back {:.1f} s, not {:.1f} s; its publisher keeps more of it "
                   "with max-time\n",
                   plan_.verb, gst_structure_get_string(said, "key"), given / 1e3, asked / 1e3);
    }

    [[noreturn]] void explain(const PipelineFailure& failure) const {
        std::string what = failure.what();
        if (failure.is_resource_error(GST_RESOURCE_ERROR_NO_SPACE_LEFT)) {
            what = "the disk is full";
        } else if (failure.is_resource_error(GST_RESOURCE_ERROR_WRITE)) {
            what = failure.details;
        }
        throw Failure(picture().count() == 0
                          ? fmt::format("{}: {}", plan_.file, what)
                          : fmt::format("{}: {}; what was written till then stays, {}", plan_.file, what, progress()));
    }

    void conclude() const {
        if (picture().count() == 0) {
            std::filesystem::remove(plan_.file);
            throw Failure(fmt::format("nothing of {} came, so there is no file", plan_.rings.front().key));
        }
        if (!plan_.quiet) {
            fmt::print(stderr, "{}: {}\n", plan_.file, progress());
        }
    }

    Loop& loop_;
    const RecordingPlan& plan_;
    uint64_t begin_ = 0; ///< Without `before`: where all streams begin, the sound with the picture.
    // After the pipeline no pad calls a meter.
    std::vector<std::unique_ptr<StreamMeter>> meters_;
    Pipeline pipeline_;
    bool shows_line_ = false;
    bool ending_ = false;
};

} // namespace

void record(Loop& loop, const RecordingPlan& plan) {
    std::error_code error;
    // Devices and pipes are there before.
    if (!plan.overwrite && std::filesystem::is_regular_file(plan.file, error)) {
        throw Failure(fmt::format("{} is there already; --force replaces it", plan.file));
    }
    Recorder(loop, plan).run();
}

} // namespace cuframes::tools
