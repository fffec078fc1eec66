// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber.h"

#include "errors.h"
#include "unlocked.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <functional>

namespace cuframes::python {
namespace {

/// What the library returns for a handle that close() has taken away; no code of its own says that.
constexpr int closed_code = 1;

/// Counts a thread that sleeps.
class Counted {
public:
    explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
    Counted(const Counted&) = delete;
    ~Counted() { --count_; }

private:
    std::atomic<int>& count_;
};

} // namespace

Subscriber::Subscriber(const std::string& key, const std::string& directory, const std::string& name, int mode,
                       uint32_t max_held, bool end_when_gone, int32_t cuda_device, int release)
    : key_(key) {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = key.c_str();
    options.directory = directory.empty() ? nullptr : directory.c_str();
    options.name = name.empty() ? nullptr : name.c_str();
    options.mode = static_cast<cuframes_mode>(mode);
    options.max_held = max_held;
    options.end_when_gone = end_when_gone;
    options.cuda_device = cuframes_some(static_cast<uint64_t>(cuda_device));
    options.release = static_cast<cuframes_release>(release);
    check(cuframes_subscriber_create(&options, &handle_));
}

Subscriber::~Subscriber() { cuframes_subscriber_destroy(handle_); }

int Subscriber::locked(const std::function<int(cuframes_subscriber*)>& call) {
    return unlocked([&] {
        const std::lock_guard lock(mutex_);
        if (!handle_) {
            return closed_code;
        }
        const int code = call(handle_);
        look_after_descriptor(code);
        return code;
    });
}

/// With mutex_ held, after a call that returned `code`.
void Subscriber::look_after_descriptor(int code) {
    if (code == CUFRAMES_ERROR_TIMEOUT ? descriptor_ < 0 : watched_) {
        descriptor_ = cuframes_subscriber_fd(handle_);
    }
}

template <class Step>
void Subscriber::repeat(int64_t timeout_ms, Step&& step) {
    const Deadline deadline(timeout_ms);
    const Counted counted(waiting_);
    for (;;) {
        const int code = locked(step);
        if (code == closed_code) {
            raise_closed("the subscriber of \"" + key_ + "\" is closed");
        }
        if (code != CUFRAMES_ERROR_TIMEOUT) {
            check(code);
            return;
        }
        if (deadline.passed()) {
            raise({CUFRAMES_ERROR_TIMEOUT,
                   text("nothing from the publisher of \"", key_, "\" within ", timeout_ms, " ms")});
        }
        // Closed meanwhile: then there is no descriptor, and the nudge wakes at once.
        if (wait_readable(descriptor(), nudge_.fd(), deadline)) {
            const std::lock_guard lock(mutex_);
            if (handle_) {
                nudge_.clear();
            }
        } else {
            let_others_go_first(1);
        }
    }
}

/// Of those that wait all are woken for a frame, and the one that took the last frame is there first: it would get them
/// all. So it waits a moment for another one to take this one. `self`: 1 if we are counted as waiting.
void Subscriber::let_others_go_first(int self) {
    if (waiting_.load() <= self && tasks_.load() == 0) {
        return;
    }
    unlocked([this] {
        constexpr std::chrono::milliseconds moment(2);
        std::unique_lock lock(mutex_);
        other_took_.wait_for(lock, moment, [this] { return last_taker_ != std::this_thread::get_id() || !handle_; });
    });
}

void Subscriber::connect(int64_t timeout_ms) {
    repeat(timeout_ms, [](cuframes_subscriber* handle) { return cuframes_subscriber_connect(handle, 0); });
}

std::unique_ptr<RingFrame> Subscriber::next(int64_t timeout_ms) {
    cuframes_frame* frame = nullptr;
    if (timeout_ms != 0) {
        let_others_go_first(0);
    }
    repeat(timeout_ms, [this, &frame](cuframes_subscriber* handle) {
        const int code = cuframes_subscriber_next(handle, 0, &frame);
        if (code == CUFRAMES_OK) {
            last_taker_ = std::this_thread::get_id();
            other_took_.notify_all();
        }
        return code;
    });
    if (waiting_.load() > 0) {
        nudge_.set();
    }
    return std::make_unique<RingFrame>(frame);
}

int Subscriber::fileno() {
    const int descriptor = [this] {
        const std::lock_guard lock(mutex_);
        watched_ = true;
        return handle_ ? descriptor_ = cuframes_subscriber_fd(handle_) : -1;
    }();
    if (descriptor < 0) {
        raise_closed("the subscriber of \"" + key_ + "\" is closed");
    }
    return descriptor;
}

int Subscriber::descriptor() {
    const std::lock_guard lock(mutex_);
    return handle_ ? descriptor_ : -1;
}

nb::dict Subscriber::stats() {
    cuframes_subscriber_stats stats;
    CUFRAMES_INIT(stats);
    const int code =
        locked([&stats](cuframes_subscriber* handle) { return cuframes_subscriber_get_stats(handle, &stats); });
    if (code == closed_code) {
        raise_closed("the subscriber of \"" + key_ + "\" is closed");
    }
    check(code);
    nb::dict out;
    out["received"] = stats.received;
    out["skipped"] = stats.skipped;
    out["lost"] = stats.lost;
    out["reconnects"] = stats.reconnects;
    out["held"] = stats.held;
    out["max_held"] = stats.max_held;
    out["publisher_pid"] = stats.publisher_pid;
    out["epoch"] = stats.epoch;
    out["last_sequence"] = stats.last_sequence;
    out["state"] = cuframes_state_name(stats.state);
    return out;
}

void Subscriber::close() {
    unlocked([this] {
        cuframes_subscriber* handle = nullptr;
        {
            const std::lock_guard lock(mutex_);
            handle = std::exchange(handle_, nullptr);
            // Never cleared again: whoever sleeps, or is about to, goes home.
            nudge_.set();
        }
        cuframes_subscriber_destroy(handle);
    });
}

bool Subscriber::closed() {
    const std::lock_guard lock(mutex_);
    return !handle_;
}

void bind_subscriber(nb::module_& module) {
    nb::class_<Subscriber>(module, "Subscriber", "A subscriber that any thread may use.")
        .def(nb::init<const std::string&, const std::string&, const std::string&, int, uint32_t, bool, int32_t, int>(),
             nb::arg("key"), nb::arg("directory"), nb::arg("name"), nb::arg("mode"), nb::arg("max_held"),
             nb::arg("end_when_gone"), nb::arg("cuda_device"), nb::arg("release"))
        .def("connect", &Subscriber::connect, nb::arg("timeout_ms"))
        .def("next", &Subscriber::next, nb::arg("timeout_ms"))
        .def("fileno", &Subscriber::fileno)
        .def_prop_ro("descriptor", &Subscriber::descriptor)
        .def("count_tasks", &Subscriber::count_tasks, nb::arg("more"))
        .def("stats", &Subscriber::stats)
        .def("close", &Subscriber::close)
        .def_prop_ro("closed", &Subscriber::closed);
}

} // namespace cuframes::python
