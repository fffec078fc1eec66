// SPDX-License-Identifier: LGPL-2.1-or-later
#include "reader.h"

#include "errors.h"
#include "unlocked.h"

#include <nanobind/stl/string.h>

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

Reader::Reader(const cuframes_subscriber_options& options) : key_(options.key) {
    check(cuframes_subscriber_create(&options, &handle_));
}

Reader::~Reader() {
    cuframes_subscriber_destroy(handle_);
    cuframes_subscriber_destroy(shut_);
}

int Reader::locked(const Call& call) {
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
void Reader::look_after_descriptor(int code) {
    if (code == CUFRAMES_ERROR_TIMEOUT ? descriptor_ < 0 : watched_) {
        descriptor_ = cuframes_subscriber_fd(handle_);
    }
}

void Reader::repeat(int64_t timeout_ms, const Call& step) {
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

/// Of those that wait all are woken for one thing, and the one that took the last is there first: it would get them
/// all. So it waits a moment for another one to take this one. `self`: 1 if we are counted as waiting.
void Reader::let_others_go_first(int self) {
    if (waiting_.load() <= self && tasks_.load() == 0) {
        return;
    }
    unlocked([this] {
        constexpr std::chrono::milliseconds moment(2);
        std::unique_lock lock(mutex_);
        other_took_.wait_for(lock, moment, [this] { return last_taker_ != std::this_thread::get_id() || !handle_; });
    });
}

void Reader::connect(int64_t timeout_ms) {
    repeat(timeout_ms, [](cuframes_subscriber* handle) { return cuframes_subscriber_connect(handle, 0); });
}

void Reader::take(int64_t timeout_ms, const Call& call) {
    if (timeout_ms != 0) {
        let_others_go_first(0);
    }
    repeat(timeout_ms, [this, &call](cuframes_subscriber* handle) {
        const int code = call(handle);
        if (code == CUFRAMES_OK) {
            last_taker_ = std::this_thread::get_id();
            other_took_.notify_all();
        }
        return code;
    });
    if (waiting_.load() > 0) {
        nudge_.set();
    }
}

void Reader::ask(const Call& call) {
    const int code = locked(call);
    if (code == closed_code) {
        raise_closed("the subscriber of \"" + key_ + "\" is closed");
    }
    check(code);
}

int Reader::fileno() {
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

int Reader::descriptor() {
    const std::lock_guard lock(mutex_);
    return handle_ || shut_ ? descriptor_ : -1;
}

nb::dict Reader::stats() {
    cuframes_subscriber_stats stats;
    CUFRAMES_INIT(stats);
    ask([&stats](cuframes_subscriber* handle) { return cuframes_subscriber_get_stats(handle, &stats); });
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

void Reader::shut() {
    unlocked([this] {
        const std::lock_guard lock(mutex_);
        if (handle_) {
            shut_ = std::exchange(handle_, nullptr);
            // Never cleared again: whoever sleeps, or is about to, goes home.
            nudge_.set();
        }
    });
}

void Reader::close() {
    shut();
    unlocked([this] {
        cuframes_subscriber* shut = nullptr;
        {
            const std::lock_guard lock(mutex_);
            shut = std::exchange(shut_, nullptr);
        }
        cuframes_subscriber_destroy(shut);
    });
}

bool Reader::closed() {
    const std::lock_guard lock(mutex_);
    return !handle_;
}

void bind_reader(nb::module_& module) {
    nb::class_<Reader>(module, "Reader", "A subscriber that any thread may use.")
        .def("connect", &Reader::connect, nb::arg("timeout_ms"))
        .def("fileno", &Reader::fileno)
        .def_prop_ro("descriptor", &Reader::descriptor)
        .def("count_tasks", &Reader::count_tasks, nb::arg("more"))
        .def("stats", &Reader::stats)
        .def("shut", &Reader::shut)
        .def("close", &Reader::close)
        .def_prop_ro("closed", &Reader::closed);
}

} // namespace cuframes::python
