// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes hz KEY`: how often, how evenly and how late frames or packets come to a reader.
#include "facts/arrivals.h"
#include "facts/ring_json.h"
#include "facts/run.h"
#include "facts/watcher.h"
#include "facts/words.h"
#include "shared/say.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace cuframes::tools {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

volatile std::sig_atomic_t told_to_end = 0;

/// A reader of what the key carries.
class Source {
public:
    Source(const HzOptions& options, cuframes_content content) : options_(options), content_(content) {}

    cuframes_content content() const { return content_; }

    /// CUFRAMES_ERROR_TIMEOUT: nothing came; what came from the past of packets is nothing.
    Result<Arrival> next(Timeout timeout) {
        if (!reader_) {
            auto made = Subscriber::create(watcher_options(options_.key, options_.directory, "cuframes hz", content_));
            if (!made) {
                return made.error();
            }
            reader_.emplace(std::move(*made));
        }
        auto arrival = content_ == CUFRAMES_CONTENT_PACKETS ? next_packet(timeout) : next_frame(timeout);
        if (arrival.code() == CUFRAMES_ERROR_OTHER_CONTENT) {
            // What it carries was not decided when we asked, or is another by now.
            content_ = content_ == CUFRAMES_CONTENT_PACKETS ? CUFRAMES_CONTENT_FRAMES : CUFRAMES_CONTENT_PACKETS;
            reader_.reset();
            return Error{CUFRAMES_ERROR_TIMEOUT, ""};
        }
        return arrival;
    }

private:
    template <class View>
    static Arrival arrival_of(const View& view) {
        const auto captured = view.pts == CUFRAMES_TIME_NONE ? std::nullopt : std::optional(view.pts);
        return {view.publish_time, now_ns(), captured, view.missed};
    }

    Result<Arrival> next_frame(Timeout timeout) {
        auto frame = reader_->next(timeout);
        return frame ? Result<Arrival>(arrival_of(frame->view())) : frame.error();
    }

    Result<Arrival> next_packet(Timeout timeout) {
        auto packet = reader_->next_packet(timeout);
        if (!packet) {
            return packet.error();
        }
        live_ = live_ || packet->view().behind == 0;
        return live_ ? Result<Arrival>(arrival_of(packet->view())) : Error{CUFRAMES_ERROR_TIMEOUT, ""};
    }

    const HzOptions& options_;
    cuframes_content content_;
    std::optional<Subscriber> reader_;
    bool live_ = false; ///< Of packets: the past is behind us.
};

std::string milli(double seconds) { return fmt::format("{:.2f}", seconds * 1e3); }

std::string rate_of(const Arrivals::Summary& summary) {
    return summary.rate ? fmt::format("{:.2f}/s", *summary.rate) : "-";
}

void print_second(const Arrivals::Summary& summary) {
    fmt::print("{:>10}", rate_of(summary));
    if (summary.interval) {
        fmt::print("  every {:>6} ms ({} to {})", milli(summary.interval->mean), milli(summary.interval->min),
                   milli(summary.interval->max));
    }
    if (summary.push) {
        fmt::print("  pushed {:>5} ms before", milli(summary.push->p50));
    }
    if (summary.capture) {
        fmt::print("  captured {:>5} ms before", milli(summary.capture->p50));
    }
    fmt::print("  skipped {}\n", summary.missed);
    std::fflush(stdout);
}

void print_spread(const char* name, const std::optional<Arrivals::Spread>& spread) {
    if (spread) {
        fmt::print("{:<12}{:>10}{:>10}{:>10}{:>10}\n", name, milli(spread->p50), milli(spread->p90), milli(spread->p99),
                   milli(spread->max));
    } else {
        fmt::print("{:<12}{:>10}\n", name, "-");
    }
}

void print_summary(const Source& source, const Arrivals::Summary& summary) {
    fmt::print("\n{} {} in {:.2f} s: {}, skipped {}\n", summary.count, content_word(source.content()), summary.seconds,
               rate_of(summary), summary.missed);
    if (const auto& interval = summary.interval) {
        fmt::print("interval    {} ms on average, {} to {}, jitter {}\n", milli(interval->mean), milli(interval->min),
                   milli(interval->max), milli(interval->jitter));
    }
    fmt::print("{:<12}{:>10}{:>10}{:>10}{:>10}\n", "latency, ms", "p50", "p90", "p99", "max");
    print_spread("  push", summary.push);
    print_spread("  capture", summary.capture);
}

Json spread_json(const std::optional<Arrivals::Spread>& spread) {
    return spread ? Json{{"p50", spread->p50}, {"p90", spread->p90}, {"p99", spread->p99}, {"max", spread->max}}
                  : Json(nullptr);
}

void print_json(const HzOptions& options, const Source& source, const Arrivals::Summary& summary) {
    const auto& interval = summary.interval;
    print(Json{{"key", options.key},
               {"content", content_word(source.content())},
               {"count", summary.count},
               {"skipped", summary.missed},
               {"seconds", summary.seconds},
               {"rate", summary.rate ? Json(*summary.rate) : Json(nullptr)},
               {"interval_seconds", interval ? Json{{"mean", interval->mean},
                                                    {"min", interval->min},
                                                    {"max", interval->max},
                                                    {"jitter", interval->jitter}}
                                             : Json(nullptr)},
               {"push_latency_seconds", spread_json(summary.push)},
               {"capture_latency_seconds", spread_json(summary.capture)}});
}

/// Takes what comes until it is enough, or it is told to end.
class Measurement {
public:
    explicit Measurement(const HzOptions& options) : options_(options), source_(options, first_guess()) {}

    int run() {
        while (!told_to_end && !enough()) {
            auto arrival = source_.next(wait());
            if (arrival) {
                all_.add(*arrival);
                this_second_.add(*arrival);
            } else if (arrival.code() == CUFRAMES_ERROR_EOS) {
                note("the stream ended; waiting for what follows");
            } else if (arrival.code() != CUFRAMES_ERROR_TIMEOUT) {
                return failed("hz", arrival.error().message);
            }
            tell_progress();
        }
        if (all_.count() == 0) {
            return failed("hz", fmt::format("nothing came from \"{0}\"; see \"cuframes info {0}\"", options_.key));
        }
        options_.json ? print_json(options_, source_, all_.summary()) : print_summary(source_, all_.summary());
        return exit_done;
    }

private:
    /// So that no publisher of packets has to refuse a reader of frames first.
    cuframes_content first_guess() const {
        const auto ring = inspect(options_.key.c_str(), or_usual(options_.directory));
        if (ring.code() == CUFRAMES_ERROR_PUBLISHER_GONE) {
            note(fmt::format("waiting for a publisher of \"{}\"", options_.key));
        }
        const bool packets = ring && (*ring)[0].content == CUFRAMES_CONTENT_PACKETS;
        return packets ? CUFRAMES_CONTENT_PACKETS : CUFRAMES_CONTENT_FRAMES;
    }

    static void note(const std::string& what) { complain("hz", what); }

    bool enough() const {
        return (options_.count > 0 && all_.count() >= options_.count) || (options_.seconds > 0 && Clock::now() >= end_);
    }

    /// Short, as Ctrl-C is looked for between.
    Timeout wait() const {
        const auto left = std::chrono::ceil<milliseconds>(end_ - Clock::now());
        return options_.seconds > 0 ? std::clamp(left, milliseconds(0), milliseconds(100)) : milliseconds(100);
    }

    void tell_progress() {
        if (Clock::now() < next_line_) {
            return;
        }
        next_line_ += std::chrono::seconds(1);
        if (!options_.json && this_second_.count() > 0) {
            print_second(this_second_.summary());
        }
        this_second_ = Arrivals();
    }

    const HzOptions& options_;
    Source source_;
    Arrivals all_, this_second_;
    Clock::time_point next_line_ = Clock::now() + std::chrono::seconds(1);
    Clock::time_point end_ = Clock::now() + to_timeout(options_.seconds);
};

} // namespace

int run(const HzOptions& options) {
    for (const int signal : {SIGINT, SIGTERM}) {
        std::signal(signal, [](int) { told_to_end = 1; });
    }
    return Measurement(options).run();
}

} // namespace cuframes::tools
