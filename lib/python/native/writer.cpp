// SPDX-License-Identifier: LGPL-2.1-or-later
#include "writer.h"

#include "errors.h"
#include "unlocked.h"

#include <nanobind/stl/string.h>

#include <utility>
#include <vector>

namespace cuframes::python {

nb::dict to_dict(const cuframes_subscriber_info& info) {
    nb::dict out;
    out["id"] = info.id;
    out["name"] = nb::str(info.name);
    out["pid"] = info.pid;
    out["mode"] = cuframes_mode_name(info.mode);
    out["max_held"] = info.max_held;
    out["held"] = info.held;
    out["lag"] = info.lag;
    out["received"] = info.received;
    out["skipped"] = info.skipped;
    out["lost"] = info.lost;
    return out;
}

nb::dict to_dict(const cuframes_publisher_stats& stats) {
    nb::dict out;
    out["subscribers"] = stats.subscribers;
    out["epoch"] = stats.epoch;
    out["last_sequence"] = stats.last_sequence;
    out["slots"] = stats.slots;
    out["memory"] = stats.memory;
    out["published"] = stats.published;
    out["dropped"] = stats.dropped;
    out["copied"] = stats.copied;
    out["lapped"] = stats.lapped;
    out["bytes"] = stats.bytes;
    out["waited_ns"] = stats.waited_ns;
    out["metadata_dropped"] = stats.metadata_dropped;
    out["refused"] = stats.refused;
    return out;
}

Writer::~Writer() { handle_.reset(); }

cuframes_publisher_options Writer::options_of(const std::string& directory, const std::string& access, int policy,
                                              uint32_t wait_timeout_ms, uint32_t max_subscribers) {
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.key = key_.c_str();
    options.directory = directory.empty() ? nullptr : directory.c_str();
    options.access = access.c_str();
    options.policy = static_cast<cuframes_policy>(policy);
    options.wait_timeout_ms = wait_timeout_ms;
    options.max_subscribers = max_subscribers;
    // From a thread of the library's own; the event outlives that thread, as close() waits for it.
    options.on_subscriber_added = [](const cuframes_subscriber_info*, void* self) {
        static_cast<Writer*>(self)->arrivals_.set();
    };
    options.user_data = this;
    return options;
}

void Writer::open(const cuframes_publisher_options& options) {
    cuframes_publisher* made = nullptr;
    check(unlocked([&] { return cuframes_publisher_create(&options, &made); }));
    handle_ = Handle(made, cuframes_publisher_destroy);
}

Writer::Handle Writer::held() {
    Handle handle;
    {
        const std::lock_guard lock(mutex_);
        handle = handle_;
    }
    if (!handle) {
        raise_closed("the publisher of \"" + key_ + "\" is closed");
    }
    return handle;
}

void Writer::resume() {
    const std::lock_guard lock(mutex_);
    if (handle_) {
        cuframes_publisher_set_interrupted(handle_.get(), false);
    }
}

// All of these wait for the publisher's mutex, under which a ring may be allocated.
void Writer::set_latency(int64_t latency) {
    const uint64_t told = latency < 0 ? CUFRAMES_TIME_NONE : static_cast<uint64_t>(latency);
    const Handle handle = held();
    check(unlocked([&] { return cuframes_publisher_set_latency(handle.get(), told); }));
}

void Writer::eos() {
    const Handle handle = held();
    check(unlocked([&] { return cuframes_publisher_eos(handle.get()); }));
}

void Writer::wait_subscribers(uint32_t count, int64_t timeout_ms) {
    const Deadline deadline(timeout_ms);
    for (;;) {
        const Handle handle = held();
        const int code = unlocked([&] { return cuframes_publisher_wait_subscribers(handle.get(), count, 0); });
        if (code != CUFRAMES_ERROR_TIMEOUT) {
            check(code);
            return;
        }
        if (deadline.passed()) {
            raise({CUFRAMES_ERROR_TIMEOUT,
                   text("not ", count, " subscribers of \"", key_, "\" within ", timeout_ms, " ms")});
        }
        wait_readable(arrivals_.fd(), arrivals_.fd(), deadline);
        const std::lock_guard lock(mutex_);
        if (handle_) {
            arrivals_.clear();
        }
    }
}

nb::dict Writer::stats() {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    const Handle handle = held();
    check(unlocked([&] { return cuframes_publisher_get_stats(handle.get(), &stats); }));
    return to_dict(stats);
}

nb::list Writer::subscribers() {
    const Handle handle = held();
    cuframes_subscriber_info empty;
    CUFRAMES_INIT(empty);
    std::vector<cuframes_subscriber_info> infos(16, empty);
    const int count = unlocked([&] {
        int got = cuframes_publisher_get_subscribers(handle.get(), infos.data(), infos.size());
        while (got > static_cast<int>(infos.size())) {
            infos.resize(static_cast<size_t>(got), empty);
            got = cuframes_publisher_get_subscribers(handle.get(), infos.data(), infos.size());
        }
        return got;
    });
    check(count);
    nb::list out;
    for (int i = 0; i < count; ++i) {
        out.append(to_dict(infos[static_cast<size_t>(i)]));
    }
    return out;
}

std::string Writer::socket_path() { return cuframes_publisher_socket_path(held().get()); }

void Writer::close() {
    Handle handle;
    {
        const std::lock_guard lock(mutex_);
        handle = std::exchange(handle_, nullptr);
        // Never cleared again: whoever waits for subscribers goes home.
        arrivals_.set();
    }
    if (handle) {
        cuframes_publisher_set_interrupted(handle.get(), true);
    }
    unlocked([&handle] { handle.reset(); });
}

bool Writer::closed() {
    const std::lock_guard lock(mutex_);
    return !handle_;
}

void bind_writer(nb::module_& module) {
    nb::class_<Writer>(module, "Writer", "A publisher that any thread may use.")
        .def("set_latency", &Writer::set_latency, nb::arg("latency"))
        .def("eos", &Writer::eos)
        .def("wait_subscribers", &Writer::wait_subscribers, nb::arg("count"), nb::arg("timeout_ms"))
        .def("stats", &Writer::stats)
        .def("subscribers", &Writer::subscribers)
        .def("close", &Writer::close)
        .def_prop_ro("socket_path", &Writer::socket_path)
        .def_prop_ro("closed", &Writer::closed);
}

} // namespace cuframes::python
