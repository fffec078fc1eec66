// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_release.h"

#include <algorithm>

#include "base/log.h"
#include "cuda/unsafe_release.h"
#include "protocol/layout.h"
#include "ring/lease.h"

namespace cuframes::cuda {

namespace {

CUresult record_context(const Driver& driver, CUcontext context, CUstream, CUevent event) {
    return driver.cuCtxRecordEvent(context, event);
}

CUresult record_stream(const Driver& driver, CUcontext, CUstream stream, CUevent event) {
    return driver.cuEventRecord(event, stream);
}

} // namespace

Result<std::unique_ptr<ReleaseQueue>> ReleaseQueue::create(const Context& context, std::byte* lease_page) {
    std::unique_ptr<ReleaseQueue> queue(new ReleaseQueue(context, lease_page));
    if (auto started = queue->start(); !started) {
        return started.error();
    }
    return queue;
}

Result<> ReleaseQueue::start() {
    if (releases_are_unsafe()) {
        log(CUFRAMES_LOG_WARNING, "CUFRAMES_UNSAFE_RELEASE=host: frames end before the GPU has read them, and pictures "
                                  "will tear; unset it outside of tests");
    }
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    contexts_.push_back(context_.get());
    if (const CUresult result = driver.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING); result != CUDA_SUCCESS) {
        stream_ = nullptr;
        return driver_error("cuStreamCreate", result);
    }
    if (!gpu_can_write_leases()) {
        log(CUFRAMES_LOG_INFO, "this GPU has no stream memory operations; a thread ends leases in its place");
        reaper_ = std::thread([this] { reap(); });
    }
    return {};
}

/** Decided by trying: attributes are not to be trusted everywhere. */
bool ReleaseQueue::gpu_can_write_leases() {
    const Driver& driver = context_.driver();
    CUdeviceptr page = 0;
    if (driver.cuMemHostRegister(lease_page_, lease_page_size, CU_MEMHOSTREGISTER_DEVICEMAP) != CUDA_SUCCESS) {
        return false;
    }
    auto* unused = &reinterpret_cast<LeasePage*>(lease_page_)->reserved;
    const auto offset = reinterpret_cast<std::byte*>(unused) - lease_page_;
    if (driver.cuMemHostGetDevicePointer(&page, lease_page_, 0) == CUDA_SUCCESS &&
        driver.cuStreamWriteValue32(stream_, page + offset, 0, CU_STREAM_WRITE_VALUE_DEFAULT) == CUDA_SUCCESS &&
        driver.cuStreamSynchronize(stream_) == CUDA_SUCCESS) {
        gpu_page_ = page;
        return true;
    }
    driver.cuMemHostUnregister(lease_page_);
    return false;
}

ReleaseQueue::~ReleaseQueue() {
    finish();
    if (reaper_.joinable()) {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        reaper_wakes_.notify_all();
        reaper_.join();
    }
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    for (const auto& [context, event] : events_) {
        driver.cuEventDestroy(event);
    }
    if (stream_) {
        driver.cuStreamDestroy(stream_);
    }
    if (gpu_page_) {
        driver.cuMemHostUnregister(lease_page_);
    }
}

void ReleaseQueue::add_context(CUcontext context) {
    std::lock_guard lock(mutex_);
    if (std::find(contexts_.begin(), contexts_.end(), context) == contexts_.end()) {
        contexts_.push_back(context);
    }
}

void ReleaseQueue::release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams) {
    if (releases_are_unsafe()) {
        ring::end_lease(lease);
        return;
    }
    std::string complaint;
    {
        std::lock_guard lock(mutex_);
        retry_failed();
        if (auto done = submit(lease, streams); !done) {
            complaint = failed_.empty() ? done.error().message : "";
            failed_.push_back({&lease, streams});
        }
    }
    // When a process ends the driver goes first: then nothing reads any more, and nobody needs to be told.
    if (int count = 0; !complaint.empty() && context_.driver().cuDeviceGetCount(&count) != CUDA_ERROR_DEINITIALIZED) {
        log(CUFRAMES_LOG_WARNING,
            text("a GPU lease cannot be ended yet and is tried again with the next: ", complaint));
    }
}

Result<> ReleaseQueue::submit(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams) {
    if (auto ordered = order_after(streams); !ordered) {
        return ordered;
    }
    return gpu_page_ ? clear_on_gpu(lease) : clear_on_thread(lease);
}

void ReleaseQueue::retry_failed() {
    for (auto failed = std::exchange(failed_, {}); auto& one : failed) {
        if (!submit(*one.lease, one.streams)) {
            failed_.push_back(std::move(one));
        }
    }
}

/** Makes the release stream wait for all work that may read the frame. */
Result<> ReleaseQueue::order_after(const std::vector<StreamRef>& streams) {
    const Driver& driver = context_.driver();
    CUresult result = CUDA_SUCCESS;
    auto wait_each = [&](CUcontext context, auto record, CUstream stream) {
        if (result == CUDA_SUCCESS) {
            result = wait_for(context, record, stream);
        }
    };
    for (CUcontext context : contexts_) {
        if (driver.cuCtxRecordEvent) {
            wait_each(context, record_context, nullptr);
        } else {
            wait_each(context, record_stream, CU_STREAM_LEGACY);
        }
    }
    for (const StreamRef& named : streams) {
        CUcontext context = named.context ? static_cast<CUcontext>(named.context) : context_.get();
        const bool covered =
            driver.cuCtxRecordEvent && std::find(contexts_.begin(), contexts_.end(), context) != contexts_.end();
        if (!covered) {
            wait_each(context, record_stream, static_cast<CUstream>(named.stream));
        }
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("recording an event for a release", result);
    }
    return {};
}

CUresult ReleaseQueue::wait_for(CUcontext context, CUresult (*record)(const Driver&, CUcontext, CUstream, CUevent),
                                CUstream stream) {
    const Driver& driver = context_.driver();
    CUevent event = nullptr;
    {
        Current current(driver, context);
        event = event_for(context);
        if (!event) {
            return CUDA_ERROR_OUT_OF_MEMORY;
        }
        if (const CUresult result = record(driver, context, stream, event); result != CUDA_SUCCESS) {
            return result;
        }
    }
    Current current(driver, context_.get());
    return driver.cuStreamWaitEvent(stream_, event, 0);
}

/** The context's event, made on first use. The context is current. */
CUevent ReleaseQueue::event_for(CUcontext context) {
    for (const auto& [known, event] : events_) {
        if (known == context) {
            return event;
        }
    }
    CUevent event = nullptr;
    if (context_.driver().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING) != CUDA_SUCCESS) {
        return nullptr;
    }
    events_.emplace_back(context, event);
    return event;
}

Result<> ReleaseQueue::clear_on_gpu(std::atomic<uint32_t>& lease) {
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    const auto offset = reinterpret_cast<std::byte*>(&lease) - lease_page_;
    const CUresult result =
        driver.cuStreamWriteValue32(stream_, gpu_page_ + offset, ring::no_lease, CU_STREAM_WRITE_VALUE_DEFAULT);
    if (result != CUDA_SUCCESS) {
        return driver_error("cuStreamWriteValue32", result);
    }
    return {};
}

Result<> ReleaseQueue::clear_on_thread(std::atomic<uint32_t>& lease) {
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    CUevent event = nullptr;
    CUresult result = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC);
    if (result == CUDA_SUCCESS) {
        result = driver.cuEventRecord(event, stream_);
    }
    if (result != CUDA_SUCCESS) {
        return driver_error("cuEventRecord", result);
    }
    pending_.push_back({&lease, event});
    reaper_wakes_.notify_all();
    return {};
}

void ReleaseQueue::finish() {
    std::unique_lock lock(mutex_);
    retry_failed();
    if (gpu_page_) {
        Current current(context_.driver(), context_.get());
        context_.driver().cuStreamSynchronize(stream_);
    } else {
        reaper_idle_.wait(lock, [this] { return pending_.empty(); });
    }
}

bool ReleaseQueue::when_done(std::shared_ptr<const Waker> wake) {
    std::lock_guard lock(mutex_);
    retry_failed();
    if (!gpu_page_) {
        reaper_wake_ = std::move(wake);
        return !pending_.empty();
    }
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    if (driver.cuStreamQuery(stream_) == CUDA_SUCCESS) {
        return false;
    }
    if (wake_is_queued_->exchange(true)) {
        return true;
    }
    auto call = std::make_unique<Wake>(Wake{std::move(wake), wake_is_queued_});
    if (driver.cuLaunchHostFunc(stream_, wake_from_driver, call.get()) != CUDA_SUCCESS) {
        wake_is_queued_->store(false);
        driver.cuStreamSynchronize(stream_); // Nothing else is left.
        return false;
    }
    call.release();
    return true;
}

/** On a thread of the driver's, in whose way no lock may be. */
void ReleaseQueue::wake_from_driver(void* call) {
    const std::unique_ptr<Wake> wake(static_cast<Wake*>(call));
    wake->is_queued->store(false);
    wake->waker->wake();
}

bool ReleaseQueue::idle() {
    std::lock_guard lock(mutex_);
    if (!failed_.empty() || !pending_.empty()) {
        return false;
    }
    Current current(context_.driver(), context_.get());
    return !gpu_page_ || context_.driver().cuStreamQuery(stream_) == CUDA_SUCCESS;
}

void ReleaseQueue::reap() {
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    std::unique_lock lock(mutex_);
    for (;;) {
        reaper_wakes_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
        if (pending_.empty()) {
            return;
        }
        const Pending next = pending_.front();
        lock.unlock();
        const CUresult result = driver.cuEventSynchronize(next.event);
        driver.cuEventDestroy(next.event);
        lock.lock();
        // A failed wait means a broken context, in which nothing reads any more.
        (void)result;
        ring::end_lease(*next.lease);
        pending_.pop_front();
        reaper_idle_.notify_all();
        if (pending_.empty() && reaper_wake_) {
            std::exchange(reaper_wake_, nullptr)->wake();
        }
    }
}

} // namespace cuframes::cuda
