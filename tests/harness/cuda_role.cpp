// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cuda_role.h"

#include "cuda_driver.h"
#include "picture.h"
#include "subscriber_role.h"

#include <poll.h>

#include <optional>
#include <thread>
#include <vector>

namespace cuframes::test {
namespace {

/// A frame's pixels as a stream copied them, to be compared once the stream is done.
struct LateCopy {
    DeviceBuffer pixels;
    uint64_t sequence;
};

/// Work that keeps a stream busy for a while on a real GPU: fills of one large buffer, one after the other. The
/// stand-in is late by itself.
class Backlog {
public:
    Backlog(const CudaDriver& driver, size_t bytes, int64_t rounds)
        : driver_(driver), scratch_(driver, bytes), rounds_(rounds) {}

    void queue(void* stream) const {
        for (int64_t i = 0; i < rounds_; ++i) {
            driver_.check(driver_.fill_async(scratch_.address(), 0x5A, scratch_.size(), stream), "cuMemsetD8Async");
        }
    }

private:
    const CudaDriver& driver_;
    DeviceBuffer scratch_;
    int64_t rounds_;
};

int64_t count_wrong(const CudaDriver& driver, const std::vector<LateCopy>& copies, Picture& picture,
                    uint32_t incarnation) {
    int64_t wrong = 0;
    std::vector<uint8_t> bytes(picture.geometry().frame_size);
    for (const LateCopy& copy : copies) {
        driver.check(driver.copy_to_host(bytes.data(), copy.pixels.address(), bytes.size()), "cuMemcpyDtoH");
        picture.copy_from_slot(bytes.data());
        wrong += !picture.difference(frame_number(incarnation, copy.sequence)).empty();
    }
    return wrong;
}

void use_context(const CudaDriver& driver, const Message& request, cuframes_subscriber* subscriber, void*& context) {
    context = driver.use_primary_context(0);
    if (request.number("own_context")) {
        driver.check(driver.context_create(&context, 0, 0), "cuCtxCreate");
        if (request.number("add", 1)) {
            must(cuframes_subscriber_add_cuda_context(subscriber, context));
        }
    }
}

void copy_by_library(const cuframes_frame* frame, const DeviceBuffer& target, void* stream, void* context) {
    const cuframes_geometry& geometry = *cuframes_frame_get(frame)->geometry;
    cuframes_image image = image_at(reinterpret_cast<void*>(target.address()), geometry, CUFRAMES_MEMORY_CUDA);
    image.cuda_stream = {stream, context};
    must(cuframes_frame_read(frame, &image));
}

} // namespace

void CudaRole::add_verbs(Verbs& verbs) {
    verbs["copy_late"] = [this](const Message& request) { return copy_late(request); };
    verbs["release_after_close"] = [this](const Message& request) { return release_after_close(request); };
    verbs["read_late_and_release"] = [this](const Message& request) { return read_late_and_release(request); };
    verbs["next_while_in_flight"] = [this](const Message& request) { return next_while_in_flight(request); };
    verbs["write_into_frame"] = [this](const Message& request) { return write_into_frame(request); };
    verbs["cuda"] = [](const Message&) {
        const CudaDriver* driver = CudaDriver::get();
        Message reply("ok");
        return reply.set("present", static_cast<int>(driver != nullptr)).set("absence", CudaDriver::absence());
    };
}

Message CudaRole::copy_late(const Message& request) {
    const CudaDriver& driver = *CudaDriver::get();
    void* context = nullptr;
    use_context(driver, request, subscriber_.handle(), context);
    const Backlog backlog(driver, static_cast<size_t>(request.number("backlog_bytes", 1 << 20)),
                          request.number("backlog", 8));
    std::vector<DeviceStream> streams;
    for (int i = 0; i < 2; ++i) {
        streams.emplace_back(driver, cuda_stream_non_blocking);
    }
    std::vector<LateCopy> copies;
    std::optional<Picture> picture;
    int64_t exhausted = 0;
    const auto count = static_cast<size_t>(request.number("count", 100));
    while (copies.size() < count) {
        cuframes_frame* frame = nullptr;
        const int result = cuframes_subscriber_next(subscriber_.handle(), 20'000, &frame);
        if (result == CUFRAMES_ERROR_LEASES_EXHAUSTED) {
            // Both leases are in the hands of queued work: the way for an application to go on without spinning.
            ++exhausted;
            must(cuframes_subscriber_wait_lease(subscriber_.handle(), 20'000));
            continue;
        }
        must(result);
        const cuframes_frame_view* view = cuframes_frame_get(frame);
        if (!picture) {
            picture.emplace(*view->geometry);
        }
        const bool per_thread = request.text("stream") == "per_thread";
        void* stream = per_thread ? cuda_stream_per_thread : streams[copies.size() % streams.size()].get();
        backlog.queue(stream);
        copies.push_back({DeviceBuffer(driver, view->geometry->frame_size), view->sequence});
        if (request.text("by") == "library") {
            copy_by_library(frame, copies.back().pixels, stream, context);
        } else {
            driver.check(driver.copy_async(copies.back().pixels.address(),
                                           reinterpret_cast<CudaDevicePointer>(view->data), view->geometry->frame_size,
                                           stream),
                         "cuMemcpyDtoDAsync");
        }
        // An application may not know which context a stream is of, or be wrong about it; but a default stream is of any.
        if (request.number("record")) {
            must(cuframes_frame_record_stream(frame, {stream, request.number("unsaid") ? nullptr : context}));
        }
        // Wherever the last reference is given up.
        std::thread([frame] { cuframes_frame_unref(frame); }).join();
    }
    for (const DeviceStream& stream : streams) {
        stream.synchronize();
    }
    driver.check(driver.context_synchronize(), "cuCtxSynchronize");
    const int64_t wrong =
        count_wrong(driver, copies, *picture, static_cast<uint32_t>(request.number("incarnation", 1)));
    return Message("ok").set("copies", copies.size()).set("wrong", wrong).set("exhausted", exhausted);
}

Message CudaRole::release_after_close(const Message& request) {
    const CudaDriver& driver = *CudaDriver::get();
    driver.use_primary_context(0);
    cuframes_frame* frame = nullptr;
    must(cuframes_subscriber_next(subscriber_.handle(), 20'000, &frame));
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    Picture picture(*view->geometry);
    const DeviceStream stream(driver, cuda_stream_non_blocking);
    must(cuframes_frame_record_stream(frame, {stream.get(), nullptr}));
    std::vector<LateCopy> copies;
    copies.push_back({DeviceBuffer(driver, view->geometry->frame_size), view->sequence});
    driver.check(driver.copy_async(copies[0].pixels.address(), reinterpret_cast<CudaDevicePointer>(view->data),
                                   view->geometry->frame_size, stream.get()),
                 "cuMemcpyDtoDAsync");
    // While the stream captures, the release cannot be put behind the copy.
    void* graph = nullptr;
    if (request.number("capture")) {
        driver.check(driver.capture_begin(stream.get(), cuda_capture_global), "cuStreamBeginCapture");
    }
    subscriber_.close();
    cuframes_frame_unref(frame);
    if (request.number("capture")) {
        // Wrong code has so long to give itself away, and the copy is late for longer.
        std::this_thread::sleep_for(milliseconds(50));
        driver.check(driver.capture_end(stream.get(), &graph), "cuStreamEndCapture");
        driver.check(driver.graph_destroy(graph), "cuGraphDestroy");
    }
    const bool unfinished = stream.is_busy();
    stream.synchronize();
    return Message("ok")
        .set("unfinished", static_cast<int>(unfinished))
        .set("wrong", count_wrong(driver, copies, picture, 1));
}

Message CudaRole::read_late_and_release(const Message&) {
    const CudaDriver& driver = *CudaDriver::get();
    driver.use_primary_context(0);
    cuframes_frame* frame = nullptr;
    must(cuframes_subscriber_next(subscriber_.handle(), 20'000, &frame));
    const cuframes_frame_view* view = cuframes_frame_get(frame);
    stream_ = std::make_unique<DeviceStream>(driver, cuda_stream_non_blocking);
    copy_ = std::make_unique<DeviceBuffer>(driver, view->geometry->frame_size);
    driver.check(driver.copy_async(copy_->address(), reinterpret_cast<CudaDevicePointer>(view->data),
                                   view->geometry->frame_size, stream_->get()),
                 "cuMemcpyDtoDAsync");
    must(cuframes_frame_record_stream(frame, {stream_->get(), nullptr}));
    cuframes_frame_unref(frame);
    return Message("ok");
}

Message CudaRole::next_while_in_flight(const Message&) {
    cuframes_frame* frame = nullptr;
    const int code = cuframes_subscriber_next(subscriber_.handle(), 0, &frame);
    Message reply("ok");
    reply.set("code", code).set("unfinished", static_cast<int>(stream_->is_busy()));
    // Until it says TIMEOUT no more, as event loops do.
    bool readable = true;
    for (int result = code; result == CUFRAMES_ERROR_TIMEOUT && readable;) {
        pollfd fd = {cuframes_subscriber_fd(subscriber_.handle()), POLLIN, 0};
        readable = ::poll(&fd, 1, 20'000) == 1;
        result = cuframes_subscriber_next(subscriber_.handle(), 0, &frame);
    }
    reply.set("readable", static_cast<int>(readable));
    reply.set("sequence", frame ? cuframes_frame_get(frame)->sequence : 0);
    cuframes_frame_unref(frame);
    stream_->synchronize();
    return reply;
}

Message CudaRole::write_into_frame(const Message&) {
    const CudaDriver& driver = *CudaDriver::get();
    driver.use_primary_context(0);
    const cuframes_frame_view* view = cuframes_frame_get(subscriber_.oldest_frame());
    const std::vector<uint8_t> bytes(64, 0x77);
    const int result =
        driver.copy_to_device(reinterpret_cast<CudaDevicePointer>(view->data), bytes.data(), bytes.size());
    return Message("ok").set("result", result);
}

} // namespace cuframes::test
