// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes publish`: a camera that is looked after.
#include "media/camera_input.h"
#include "media/camera_outlet.h"
#include "media/run.h"
#include "media/service_manager.h"
#include "shared/say.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>

namespace cuframes::tools {

namespace {

constexpr Seconds first_pause{1};
constexpr Seconds longest_pause{30};
/// A camera that stayed for so long is worth trying at once when it goes.
constexpr Seconds steady{10};

Seconds seconds_since(GstClockTime time) {
    return Seconds(static_cast<double>(gst_util_get_timestamp() - time) / GST_SECOND);
}

/// The outlets, made as streams appear.
class Outlets {
public:
    Outlets(const PublishOptions& options, bool is_live) : options_(options), is_live_(is_live) {}

    /// On streaming threads. False: it is of another type than what its key carries.
    bool deliver(const CameraInput& from, StreamKind kind, GstSample* sample,
                 const std::function<void(const std::string&)>& gone) {
        CameraOutlet* outlet = nullptr;
        {
            const std::lock_guard lock(mutex_);
            auto& place = outlets_[static_cast<size_t>(kind)];
            if (!place) {
                auto made = std::make_unique<CameraOutlet>(options_, kind, gst_sample_get_caps(sample), is_live_,
                                                           from.latency());
                made->start(gone);
                place = std::move(made);
                say(place->shown());
            }
            outlet = place.get();
        }
        // Where this waits, the others must not. Outlets go when nothing is delivered any more.
        const bool fits = outlet->takes(gst_sample_get_caps(sample));
        if (fits) {
            outlet->push(sample);
        }
        return fits;
    }

    void clear() {
        for (auto& outlet : outlets_) {
            outlet.reset();
        }
    }

    /// Returns of how many.
    size_t end() {
        const std::lock_guard lock(mutex_);
        size_t count = 0;
        for (auto& outlet : outlets_) {
            if (outlet) {
                outlet->end();
                ++count;
            }
        }
        return count;
    }

    uint64_t pushed() const { return sum(&CameraOutlet::pushed); }
    uint64_t published() const { return sum(&CameraOutlet::published); }

private:
    uint64_t sum(uint64_t (CameraOutlet::*count)() const) const {
        const std::lock_guard lock(mutex_);
        uint64_t all = 0;
        for (const auto& outlet : outlets_) {
            all += outlet ? (outlet.get()->*count)() : 0;
        }
        return all;
    }

    void say(const std::string& what) const {
        if (!what.empty() && !options_.quiet) {
            fmt::print(stderr, "{}: {}\n", options_.key, what);
        }
    }

    const PublishOptions& options_;
    bool is_live_;
    mutable std::mutex mutex_;
    std::array<std::unique_ptr<CameraOutlet>, 2> outlets_;
};

/// Connects, and connects again.
class Supervisor {
public:
    Supervisor(Loop& loop, const PublishOptions& options)
        : loop_(loop),
          options_(options),
          is_file_(!is_rtsp(options.source) && !is_v4l2(options.source) && options.source != "test"),
          outlets_(options, !is_file_) {}

    void run() {
        const Timer look(std::chrono::milliseconds(100), [this] { look_around(); });
        std::unique_ptr<Timer> watchdog;
        if (const auto period = manager_.watchdog_period()) {
            watchdog = std::make_unique<Timer>(*period, [this] { report_alive(); });
        }
        connect();
        loop_.run();
        input_.reset();
        outlets_.clear();
        if (failure_) {
            std::rethrow_exception(failure_);
        }
    }

private:
    void connect() {
        connected_at_ = gst_util_get_timestamp();
        said_flowing_ = false;
        input_ = std::make_unique<CameraInput>(
            options_,
            [this](const CameraInput& from, StreamKind kind, GstSample* sample) { deliver(from, kind, sample); },
            next_begin_);
        input_->start([this](const std::string& why) { on_gone(why); });
    }

    /// On streaming threads.
    void deliver(const CameraInput& from, StreamKind kind, GstSample* sample) {
        try {
            if (!outlets_.deliver(from, kind, sample, [this](const std::string& why) { on_outlet_gone(why); })) {
                changed_ = true;
            }
        } catch (const Failure&) {
            fail_later(std::current_exception());
        }
    }

    void fail_later(std::exception_ptr failure) {
        const std::lock_guard lock(failing_);
        if (!failure_) {
            failure_ = std::move(failure);
        }
    }

    void on_gone(const std::string& why) {
        const bool has_ended = why.empty();
        next_begin_ = input_->end() > 0 ? std::max(input_->end(), gst_util_get_timestamp()) : GST_CLOCK_TIME_NONE;
        const bool brought = input_->count() > 0;
        // Nothing is delivered any more after this.
        input_.reset();
        if (is_file_ && !has_ended) {
            fail_later(std::make_exception_ptr(Failure(fmt::format("{}: {}", options_.source, why))));
            loop_.quit();
        } else if (is_file_ && !brought) {
            fail_later(std::make_exception_ptr(Failure(fmt::format("{} has no video and no sound", options_.source))));
            loop_.quit();
        } else if (is_file_ && options_.loop) {
            connect();
        } else if (is_file_) {
            ending_ = outlets_.end();
        } else {
            try_again(has_ended ? "it ended its stream" : why);
        }
    }

    void try_again(std::string why) {
        // Some of GStreamer's sentences end like one.
        if (why.ends_with('.')) {
            why.pop_back();
        }
        const bool was_steady = said_flowing_ && seconds_since(connected_at_) > steady;
        pause_ = was_steady ? first_pause : std::min(pause_ * 2, longest_pause);
        again_at_ = gst_util_get_timestamp() + static_cast<GstClockTime>(pause_.count() * 1e9);
        say(fmt::format("{}: {}; connecting again in {:g} s", shown_source(options_.source), why, pause_.count()));
        // Somebody may wait for this service, and the camera may be off for days.
        manager_.ready();
    }

    void on_outlet_gone(const std::string& why) {
        if (why.empty()) {
            --ending_;
            if (ending_ == 0) {
                loop_.quit();
            }
            return;
        }
        start_over(why);
    }

    /// Readers wait for what follows.
    void start_over(const std::string& why) {
        input_.reset();
        outlets_.clear();
        try_again(why);
    }

    void look_around() {
        {
            const std::lock_guard lock(failing_);
            if (failure_) {
                loop_.quit();
                return;
            }
        }
        if (!input_) {
            if (ending_ == 0 && gst_util_get_timestamp() >= again_at_) {
                connect();
            }
            return;
        }
        if (changed_.exchange(false)) {
            start_over("it sends another type of stream");
            return;
        }
        if (input_->count() > 0 && !said_flowing_) {
            said_flowing_ = true;
            if (!is_file_) {
                say(fmt::format("{}: connected", shown_source(options_.source)));
            }
            manager_.ready();
        }
        const Seconds silence = seconds_since(input_->latest_arrival());
        if (!is_file_ && silence.count() > options_.stall_timeout) {
            input_.reset();
            try_again(fmt::format("nothing came for {:g} s", options_.stall_timeout));
        }
    }

    /// Not when what comes in does not come out.
    void report_alive() {
        const uint64_t pushed = outlets_.pushed();
        const uint64_t published = outlets_.published();
        if (pushed == pushed_ || published != published_) {
            manager_.alive();
        }
        pushed_ = pushed;
        published_ = published;
    }

    void say(const std::string& what) {
        manager_.status(what);
        if (!options_.quiet) {
            fmt::print(stderr, "{}: {}\n", options_.key, what);
        }
    }

    Loop& loop_;
    const PublishOptions& options_;
    bool is_file_;
    ServiceManager manager_;
    Outlets outlets_;
    std::unique_ptr<CameraInput> input_;
    GstClockTime connected_at_ = 0;
    GstClockTime again_at_ = 0;
    GstClockTime next_begin_ = GST_CLOCK_TIME_NONE; ///< Of a file that is played again.
    Seconds pause_ = first_pause / 2;
    bool said_flowing_ = false;
    std::atomic<bool> changed_ = false;
    size_t ending_ = 0; ///< Outlets whose end has not been published yet.
    uint64_t pushed_ = 0;
    uint64_t published_ = 0;
    std::mutex failing_;
    std::exception_ptr failure_;
};

} // namespace

int run(const PublishOptions& options) {
    Loop loop;
    Supervisor(loop, options).run();
    return exit_done;
}

} // namespace cuframes::tools
