// SPDX-License-Identifier: LGPL-2.1-or-later
#include "packet_publisher.h"

#include "errors.h"
#include "packet_subscriber.h"
#include "times.h"
#include "unlocked.h"

#include <nanobind/stl/string.h>
#include <unistd.h>

#include <thread>

namespace cuframes::python {
namespace {

/// The bytes of a Python object, which keeps them where they are meanwhile.
class Bytes {
public:
    explicit Bytes(nb::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) {
            throw nb::python_error();
        }
    }
    Bytes(const Bytes&) = delete;
    ~Bytes() { PyBuffer_Release(&buffer_); }

    const void* data() const { return buffer_.buf; }
    size_t size() const { return static_cast<size_t>(buffer_.len); }

private:
    Py_buffer buffer_ = {};
};

/// Python runs signal handlers on its main thread, which is that of the process.
bool signals_come_here() { return ::getpid() == ::gettid(); }

} // namespace

PacketPublisher::PacketPublisher(const std::string& key, const std::string& directory, const std::string& access,
                                 int policy, uint32_t wait_timeout_ms, uint32_t max_subscribers, uint64_t max_time,
                                 uint64_t max_bytes)
    : Writer(key), waits_(policy == CUFRAMES_POLICY_WAIT) {
    cuframes_publisher_options options = options_of(directory, access, policy, wait_timeout_ms, max_subscribers);
    options.content = CUFRAMES_CONTENT_PACKETS;
    options.max_time = max_time;
    options.max_bytes = max_bytes;
    open(options);
}

void PacketPublisher::set_caps(const std::string& caps) {
    wait_for([&caps](cuframes_publisher* handle) { return cuframes_publisher_set_caps(handle, caps.c_str()); });
}

void PacketPublisher::send(nb::handle data, int64_t pts, int64_t dts, int64_t duration, bool delta, uint32_t flags,
                           nb::bytes metadata) {
    const Bytes bytes(data);
    cuframes_packet_info info;
    CUFRAMES_INIT(info);
    info.flags = flags;
    info.delta = delta;
    info.pts = given_time(pts);
    info.dts = given_time(dts);
    info.duration = given_time(duration);
    info.metadata = metadata.size() > 0 ? metadata.c_str() : nullptr;
    info.metadata_size = metadata.size();
    wait_for([&bytes, &info](cuframes_publisher* handle) {
        return cuframes_publisher_publish_packet(handle, bytes.data(), bytes.size(), &info);
    });
}

void PacketPublisher::wait_for(const Call& call) {
    const Handle handle = held();
    core::Error result{CUFRAMES_OK, {}};
    std::atomic<bool> given_up{false};
    const auto work = [&] { result = repeat(handle, call, given_up); };
    if (waits_ && signals_come_here()) {
        run_for_signals(work, [&] {
            given_up = true;
            cuframes_publisher_set_interrupted(handle.get(), true);
        });
    } else {
        unlocked(work);
    }
    if (given_up) {
        resume();
        throw nb::python_error();
    }
    if (result.code < 0) {
        raise(result);
    }
}

/// What interrupts one thread's call interrupts those of others too, which begin theirs again.
core::Error PacketPublisher::repeat(const Handle& handle, const Call& call, const std::atomic<bool>& given_up) {
    int code = call(handle.get());
    while (code == CUFRAMES_ERROR_INTERRUPTED && !given_up && !closed()) {
        std::this_thread::yield();
        code = call(handle.get());
    }
    return code < 0 ? last_error(code) : core::Error{CUFRAMES_OK, {}};
}

nb::dict PacketPublisher::window() {
    cuframes_packet_window window;
    CUFRAMES_INIT(window);
    const Handle handle = held();
    check(unlocked([&] { return cuframes_publisher_get_packet_window(handle.get(), &window); }));
    return to_dict(window);
}

void bind_packet_publisher(nb::module_& module) {
    nb::class_<PacketPublisher, Writer>(module, "PacketPublisher", "A publisher of packets.")
        .def(nb::init<const std::string&, const std::string&, const std::string&, int, uint32_t, uint32_t, uint64_t,
                      uint64_t>(),
             nb::arg("key"), nb::arg("directory"), nb::arg("access"), nb::arg("policy"), nb::arg("wait_timeout_ms"),
             nb::arg("max_subscribers"), nb::arg("max_time"), nb::arg("max_bytes"))
        .def("set_caps", &PacketPublisher::set_caps, nb::arg("caps"))
        .def("send", &PacketPublisher::send, nb::arg("data"), nb::arg("pts"), nb::arg("dts"), nb::arg("duration"),
             nb::arg("delta"), nb::arg("flags"), nb::arg("metadata"))
        .def("window", &PacketPublisher::window);
}

} // namespace cuframes::python
