// SPDX-License-Identifier: LGPL-2.1-or-later
#include "memory/cuda_release.h"

#include "base/cuda/streams.h"
#include "base/cuda/unsafe_release.h"
#include "base/log.h"
#include "base/thread.h"
#include "protocol/layout.h"
#include "ring/lease.h"

#include <algorithm>
#include <chrono>

namespace cuframes::core::cuda {

using std::chrono::milliseconds;

Result<std::unique_ptr<ReleaseQueue>> ReleaseQueue::create(const Context& context, std::byte* lease_page,
                                                           ReleaseScope scope) {
    std::unique_ptr<ReleaseQueue> queue(new ReleaseQueue(context, lease_page, scope));
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
    if (scope_ == ReleaseScope::context && !driver.cuCtxRecordEvent) {
        log(CUFRAMES_LOG_WARNING,
            "release=context needs a driver of CUDA 12.5 or newer; with this one releases wait for the "
            "streams that are named, so name those on which frames are read "
            "(cuframes_frame_record_stream)");
    }
    Current current(driver, context_.get());
    contexts_.push_back(context_.get());
    if (const CUresult result = driver.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING); result != CUDA_SUCCESS) {
        stream_ = nullptr;
        return driver_error("cuStreamCreate", result);
    }
    if (!gpu_can_write_leases()) {
        log(CUFRAMES_LOG_INFO, "this GPU has no stream memory operations; a thread ends leases in its place");
        auto thread = start_thread("cuframes-reap", [this] { reap(); });
        if (!thread) {
            return thread.error();
        }
        reaper_ = std::move(*thread);
    }
    return {};
}

/// Decided by trying: attributes are not to be trusted everywhere.
bool ReleaseQueue::gpu_can_write_leases() {
    const Driver& driver = context_.driver();
    CUdeviceptr page = 0;
    if (driver.cuMemHostRegister(lease_page_, reader_page_size, CU_MEMHOSTREGISTER_DEVICEMAP) != CUDA_SUCCESS) {
        return false;
    }
    auto* unused = &reinterpret_cast<ReaderPage*>(lease_page_)->reserved;
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
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread* thread : {&reaper_, &retrier_}) {
        if (thread->joinable()) {
            thread->join();
        }
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

bool ReleaseQueue::knows(CUcontext context) const {
    return std::find(contexts_.begin(), contexts_.end(), context) != contexts_.end();
}

void ReleaseQueue::add_context(CUcontext context) {
    std::lock_guard lock(mutex_);
    if (!knows(context)) {
        contexts_.push_back(context);
    }
}

void ReleaseQueue::release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams) {
    if (releases_are_unsafe()) {
        ring::end_lease(lease);
        return;
    }
    std::optional<Refusal> refused;
    bool is_first = false;
    {
        std::lock_guard lock(mutex_);
        const RelaxedCapture relaxed;
        if (!failed_.empty()) {
            retry_failed();
        }
        is_first = failed_.empty();
        refused = submit(lease, streams);
        if (refused) {
            keep(lease, streams, *refused);
        }
    }
    if (refused && is_first) {
        tell(*refused);
    }
    if (streams.empty() && scope_ == ReleaseScope::streams && !unnamed_told_.exchange(true)) {
        log(CUFRAMES_LOG_INFO,
            "a frame in GPU memory was given up for which no stream was named: its lease waits for the legacy default "
            "stream, "
            "and so for all streams but non-blocking ones. If it is read on such a one, as torch's are, name that "
            "(cuframes_frame_record_stream(), in Python frame.record_stream() or __dlpack__(stream=…)), or set "
            "CUFRAMES_RELEASE=context, which waits for all streams and breaks CUDA graphs that are captured meanwhile");
    }
}

void ReleaseQueue::tell(const Refusal& refused) const {
    const std::string why = driver_error(refused.call, refused.result).message;
    if (may_pass_later(refused.result)) {
        log(CUFRAMES_LOG_INFO, text("a GPU lease is kept until it can be ended (a stream on which its frame "
                                    "may be read captures a CUDA graph, or this is a host function of CUDA): ",
                                    why));
        return;
    }
    // When a process ends the driver goes first: then nothing reads any more, and nobody needs to be told.
    if (int count = 0; context_.driver().cuDeviceGetCount(&count) != CUDA_ERROR_DEINITIALIZED) {
        log(CUFRAMES_LOG_WARNING, text("a GPU lease cannot be ended, and its slot is lost to the publisher: ", why,
                                       "; a stream that was named must live until the frame is given up"));
    }
}

std::optional<ReleaseQueue::Refusal> ReleaseQueue::submit(std::atomic<uint32_t>& lease,
                                                          const std::vector<StreamRef>& streams) {
    if (auto refused = order_after(streams)) {
        return refused;
    }
    return gpu_page_ ? clear_on_gpu(lease) : clear_on_thread(lease);
}

void ReleaseQueue::keep(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams, Refusal why) {
    failed_.push_back({&lease, streams, why});
    if (!retrier_.joinable() && may_pass_later(why.result)) {
        // Without, the next release or the next look for a lease tries again.
        if (auto thread = start_thread("cuframes-retry", [this] { retry(); })) {
            retrier_ = std::move(*thread);
        }
    }
    changed_.notify_all();
}

void ReleaseQueue::retry_failed() {
    for (auto failed = std::exchange(failed_, {}); auto& one : failed) {
        if (const auto refused = submit(*one.lease, one.streams)) {
            one.why = *refused;
            failed_.push_back(std::move(one));
        }
    }
}

bool ReleaseQueue::some_may_pass() const {
    return std::any_of(failed_.begin(), failed_.end(),
                       [](const Failed& one) { return may_pass_later(one.why.result); });
}

/// On a thread of its own: nobody else may come by for a long time, and the publisher needs the slot.
void ReleaseQueue::retry() {
    constexpr milliseconds shortest(1);
    constexpr milliseconds longest(8);
    milliseconds pause = shortest;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (!some_may_pass()) {
            if (retrier_wake_) {
                std::exchange(retrier_wake_, nullptr)->wake();
            }
            changed_.notify_all();
            changed_.wait(lock, [this] { return stopping_ || some_may_pass(); });
            pause = shortest;
            continue;
        }
        changed_.wait_for(lock, pause, [this] { return stopping_; });
        retry_failed();
        pause = std::min(pause * 2, longest);
    }
}

/// Makes the release stream wait for all work that may read the frame.
std::optional<ReleaseQueue::Refusal> ReleaseQueue::order_after(const std::vector<StreamRef>& streams) {
    const bool whole = scope_ == ReleaseScope::context && context_.driver().cuCtxRecordEvent;
    for (CUcontext context : contexts_) {
        if (const CUresult result = wait_for(context, CU_STREAM_LEGACY, whole); result != CUDA_SUCCESS) {
            return Refusal{result, whole ? "cuCtxRecordEvent" : "recording the legacy stream for a release"};
        }
    }
    for (const StreamRef& named : streams) {
        auto* context = named.context ? static_cast<CUcontext>(named.context) : context_.get();
        auto* stream = static_cast<CUstream>(named.stream);
        // The legacy stream waits for the default streams of all threads, of which this one can see its own alone.
        const bool covered = knows(context) && (whole || is_default_stream(stream));
        if (covered) {
            continue;
        }
        const CUresult result = wait_for(context, is_default_stream(stream) ? CU_STREAM_LEGACY : stream, false);
        if (result != CUDA_SUCCESS) {
            return Refusal{result, "recording a stream for a release"};
        }
    }
    return {};
}

CUresult ReleaseQueue::wait_for(CUcontext context, CUstream stream, bool whole_context) {
    const Driver& driver = context_.driver();
    CUevent event = nullptr;
    {
        Current current(driver, context);
        if (current.result() != CUDA_SUCCESS) {
            return current.result();
        }
        event = event_for(context);
        if (!event) {
            return CUDA_ERROR_OUT_OF_MEMORY;
        }
        const CUresult result =
            whole_context ? driver.cuCtxRecordEvent(context, event) : record_behind(driver, event, stream);
        if (result != CUDA_SUCCESS) {
            return result;
        }
    }
    Current current(driver, context_.get());
    return driver.cuStreamWaitEvent(stream_, event, 0);
}

/// The context's event, made on first use. The context is current.
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

std::optional<ReleaseQueue::Refusal> ReleaseQueue::clear_on_gpu(std::atomic<uint32_t>& lease) {
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    const auto offset = reinterpret_cast<std::byte*>(&lease) - lease_page_;
    const CUresult result =
        driver.cuStreamWriteValue32(stream_, gpu_page_ + offset, ring::no_lease, CU_STREAM_WRITE_VALUE_DEFAULT);
    return result == CUDA_SUCCESS ? std::nullopt : std::optional(Refusal{result, "cuStreamWriteValue32"});
}

std::optional<ReleaseQueue::Refusal> ReleaseQueue::clear_on_thread(std::atomic<uint32_t>& lease) {
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    CUevent event = nullptr;
    CUresult result = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC);
    if (result != CUDA_SUCCESS) {
        return Refusal{result, "cuEventCreate"};
    }
    result = driver.cuEventRecord(event, stream_);
    if (result != CUDA_SUCCESS) {
        driver.cuEventDestroy(event);
        return Refusal{result, "cuEventRecord"};
    }
    pending_.push_back({&lease, event});
    changed_.notify_all();
    return {};
}

bool ReleaseQueue::finish() {
    std::unique_lock lock(mutex_);
    const RelaxedCapture relaxed;
    retry_failed();
    if (retrier_.joinable()) {
        changed_.wait(lock, [this] { return !some_may_pass(); });
    }
    if (gpu_page_) {
        Current current(context_.driver(), context_.get());
        context_.driver().cuStreamSynchronize(stream_);
    } else {
        changed_.wait(lock, [this] { return pending_.empty(); });
    }
    return failed_.empty();
}

Result<bool> ReleaseQueue::when_done(std::shared_ptr<const Waker> wake) {
    std::lock_guard lock(mutex_);
    const RelaxedCapture relaxed;
    if (!failed_.empty()) {
        retry_failed();
    }
    auto arranged = arrange_wake(wake);
    if (!arranged || *arranged || failed_.empty()) {
        return arranged;
    }
    if (!some_may_pass()) {
        const Refusal& why = failed_.front().why;
        return Error{CUFRAMES_ERROR_CUDA,
                     text(failed_.size(), " frames were given up whose leases cannot be ended: ",
                          driver_error(why.call, why.result).message,
                          "; either the CUDA context is broken, or a stream that was named is gone")};
    }
    retrier_wake_ = std::move(wake);
    if (!retrier_.joinable()) {
        std::exchange(retrier_wake_, nullptr)->wake(); // No thread could be had: whoever waits tries, again and again.
    }
    return true;
}

/// For what was ordered: when the GPU is there. False: it is.
Result<bool> ReleaseQueue::arrange_wake(std::shared_ptr<const Waker> wake) {
    if (!gpu_page_) {
        reaper_wake_ = std::move(wake);
        return !pending_.empty();
    }
    const Driver& driver = context_.driver();
    Current current(driver, context_.get());
    const CUresult state = driver.cuStreamQuery(stream_);
    if (state == CUDA_SUCCESS) {
        return false;
    }
    if (state != CUDA_ERROR_NOT_READY) {
        return Error{
            CUFRAMES_ERROR_CUDA,
            text("the GPU will not end the leases of the frames that were given up: ",
                 driver_error("cuStreamQuery", state).message,
                 "; an earlier kernel or copy has broken the CUDA context, and only a new process gets a sound one")};
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

/// On a thread of the driver's, in whose way no lock may be.
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
        changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
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
        changed_.notify_all();
        if (pending_.empty() && reaper_wake_) {
            std::exchange(reaper_wake_, nullptr)->wake();
        }
    }
}

} // namespace cuframes::core::cuda
