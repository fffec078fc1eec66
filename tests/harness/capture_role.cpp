// SPDX-License-Identifier: LGPL-2.1-or-later
#include "capture_role.h"

#include "picture.h"
#include "subscriber_role.h"

#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace cuframes::test {
namespace {

/// A stream that captures a fill of memory of its own.
class Capture {
public:
    Capture(const CudaDriver& driver, unsigned flags)
        : driver_(driver), memory_(driver, 4096), stream_(driver, flags) {}

    void begin() {
        driver_.check(driver_.capture_begin(stream_.get(), cuda_capture_global), "cuStreamBeginCapture");
        driver_.check(driver_.fill_async(memory_.address(), 7, memory_.size(), stream_.get()), "cuMemsetD8Async");
    }

    /// 0, or what the driver says of a capture that broke.
    int end() {
        void* graph = nullptr;
        const int result = driver_.capture_end(stream_.get(), &graph);
        if (graph) {
            driver_.check(driver_.graph_destroy(graph), "cuGraphDestroy");
        }
        return result;
    }

    void* stream() const { return stream_.get(); }

private:
    const CudaDriver& driver_;
    DeviceBuffer memory_;
    DeviceStream stream_;
};

uint64_t unguarded_calls(const CudaDriver& driver) {
    using Count = uint64_t (*)();
    const auto count = reinterpret_cast<Count>(driver.extension("fake_cuda_unguarded_calls"));
    return count ? count() : 0;
}

cuframes_image image_in(std::vector<uint8_t>& memory, const cuframes_geometry& geometry) {
    memory.resize(geometry.frame_size);
    return image_at(memory.data(), geometry, CUFRAMES_MEMORY_HOST);
}

using FrameRef = std::unique_ptr<cuframes_frame, decltype(&cuframes_frame_unref)>;
using SlotRef = std::unique_ptr<cuframes_slot, decltype(&cuframes_slot_release)>;
using SubscriberRef = std::unique_ptr<cuframes_subscriber, decltype(&cuframes_subscriber_destroy)>;
using PublisherRef = std::unique_ptr<cuframes_publisher, decltype(&cuframes_publisher_destroy)>;

SubscriberRef subscribe(const char* key, const char* name) {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.key = key;
    options.name = name;
    options.max_held = 1;
    cuframes_subscriber* subscriber = nullptr;
    must(cuframes_subscriber_create(&options, &subscriber));
    return {subscriber, cuframes_subscriber_destroy};
}

/// Takes a frame if there is one, copies it to host memory and on a stream, and lets it go.
void read_one(cuframes_subscriber* subscriber, const DeviceBuffer& target, void* stream) {
    cuframes_frame* frame = nullptr;
    const int result = cuframes_subscriber_next(subscriber, 20, &frame);
    if (result == CUFRAMES_ERROR_TIMEOUT) {
        return;
    }
    if (result == CUFRAMES_ERROR_LEASES_EXHAUSTED) {
        must(cuframes_subscriber_wait_lease(subscriber, 20'000));
        return;
    }
    must(result);
    const FrameRef held(frame, cuframes_frame_unref);
    const cuframes_geometry& geometry = *cuframes_frame_get(frame)->geometry;
    std::vector<uint8_t> memory;
    cuframes_image image = image_in(memory, geometry);
    must(cuframes_frame_read(frame, &image));
    image.memory = CUFRAMES_MEMORY_CUDA;
    for (uint32_t i = 0; i < image.plane_count; ++i) {
        image.planes[i] = reinterpret_cast<void*>(target.address() + geometry.planes[i].offset);
    }
    image.cuda_stream.stream = stream;
    must(cuframes_frame_read(frame, &image));
}

void attach_and_leave() {
    SubscriberRef subscriber = subscribe("cam", "passer-by");
    cuframes_frame* frame = nullptr;
    const int result = cuframes_subscriber_next(subscriber.get(), 20, &frame);
    if (result != CUFRAMES_ERROR_TIMEOUT) {
        must(result);
    }
    const FrameRef held(frame, cuframes_frame_unref);
    subscriber.reset(); // Before the frame.
}

/// A ring of this process's own: made, written, one slot of it given back unpublished, and made again.
void publish_some(cuframes_publisher* publisher, const DeviceBuffer& source, void* stream) {
    cuframes_ring_config config;
    CUFRAMES_INIT(config);
    config.memory = CUFRAMES_MEMORY_CUDA;
    const cuframes_geometry geometry = make_geometry("NV12", 64, 48, 512, 0);
    config.geometry = &geometry;
    must(cuframes_publisher_configure(publisher, &config));
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = CUFRAMES_MEMORY_CUDA;
    image.plane_count = geometry.plane_count;
    for (uint32_t i = 0; i < image.plane_count; ++i) {
        image.pitch[i] = geometry.planes[i].pitch;
        image.planes[i] = reinterpret_cast<void*>(source.address() + geometry.planes[i].offset);
    }
    image.cuda_stream.stream = stream;
    for (const bool publishes : {true, false, true}) {
        cuframes_slot* slot = nullptr;
        must(cuframes_publisher_acquire(publisher, CUFRAMES_ACQUIRE_DEFAULT, &slot));
        const SlotRef held(slot, cuframes_slot_release);
        must(cuframes_slot_write(slot, &image));
        cuframes_frame_info info;
        CUFRAMES_INIT(info);
        if (publishes) {
            must(cuframes_slot_publish(slot, &info, {stream, nullptr}));
        }
    }
}

} // namespace

void CaptureRole::add_verbs(Verbs& verbs) {
    verbs["capture_beside"] = [this](const Message& request) { return capture_beside(request); };
    verbs["release_while_capturing"] = [this](const Message& request) { return release_while_capturing(request); };
}

Message CaptureRole::capture_beside(const Message& request) {
    const CudaDriver& driver = *CudaDriver::get();
    driver.use_primary_context(0);
    const DeviceBuffer memory(driver, 1 << 20), source(driver, 1 << 20);
    const DeviceStream reading(driver, cuda_stream_non_blocking), writing(driver, cuda_stream_non_blocking);
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.key = "own";
    cuframes_publisher* publisher = nullptr;
    must(cuframes_publisher_create(&options, &publisher));
    const PublisherRef owned(publisher, cuframes_publisher_destroy);
    const std::vector<std::function<void()>> others = {
        [&] {
            for (int i = 0; i < 4; ++i) {
                read_one(subscriber_.handle(), memory, reading.get());
            }
        },
        [] { attach_and_leave(); },
        [&] { publish_some(publisher, source, writing.get()); },
        [] { must(cuframes_cuda_self_test(0)); },
    };
    // Once without, so that what is made once is there.
    for (const auto& other : others) {
        other();
    }
    Capture capture(driver, cuda_stream_non_blocking);
    const uint64_t before = unguarded_calls(driver);
    int64_t broken = 0;
    for (int64_t round = request.number("rounds", 10); round > 0; --round) {
        capture.begin();
        std::vector<std::future<void>> running;
        for (const auto& other : others) {
            running.push_back(std::async(std::launch::async, other));
        }
        for (std::future<void>& one : running) {
            one.wait();
        }
        broken += capture.end() != 0;
        for (std::future<void>& one : running) {
            one.get();
        }
    }
    const uint64_t unguarded = unguarded_calls(driver) - before;
    return Message("ok").set("broken", broken).set("unguarded", unguarded);
}

Message CaptureRole::release_while_capturing(const Message& request) {
    const CudaDriver& driver = *CudaDriver::get();
    void* context = driver.use_primary_context(0);
    Capture capture(driver, static_cast<unsigned>(request.number("flags", cuda_stream_non_blocking)));
    std::vector<cuframes_frame*> frames(static_cast<size_t>(request.number("held", 1)));
    for (cuframes_frame*& frame : frames) {
        must(cuframes_subscriber_next(subscriber_.handle(), 20'000, &frame));
    }
    capture.begin();
    for (cuframes_frame* frame : frames) {
        if (request.number("record")) {
            must(cuframes_frame_record_stream(frame, {capture.stream(), nullptr}));
        }
        std::thread([frame] { cuframes_frame_unref(frame); }).join();
    }
    Message reply("ok");
    cuframes_frame* next = nullptr;
    reply.set("while", cuframes_subscriber_next(subscriber_.handle(), 0, &next));
    auto wait = std::async(std::launch::async, [&] {
        driver.context_set_current(context);
        return cuframes_subscriber_wait_lease(subscriber_.handle(), 20'000);
    });
    reply.set("early", static_cast<int>(wait.wait_for(milliseconds(30)) == std::future_status::ready));
    reply.set("ended", capture.end());
    reply.set("waited", wait.get());
    reply.set("after", cuframes_subscriber_next(subscriber_.handle(), 20'000, &next));
    cuframes_frame_unref(next);
    return reply;
}

} // namespace cuframes::test
