// SPDX-License-Identifier: LGPL-2.1-or-later
/// Ends leases in GPU order: the lease word is cleared once the work that may read the frame is complete, and nobody
/// waits for that on the CPU.
///
///   reader's streams   ──kernel reads the frame──●                     ● = event recorded at release
///                                                 ╲
///   release stream                                 wait ●── write 0 to the lease word (a host page the GPU can reach)
///
/// Recorded are the streams named and the legacy stream of each known context, which covers those made with
/// CU_STREAM_DEFAULT as GStreamer's are; or, on request, everything that each known context has in flight (CUDA 12.5). That
/// breaks CUDA graphs which are captured meanwhile; the former leaves them alone: a release that would touch a capture is
/// kept, and tried again until it is over. Where the GPU cannot write the word (no stream memory operations), a thread waits
/// for the events instead.
#pragma once

#include "base/cuda/driver.h"
#include "ipc/waker.h"
#include "memory/frame_store.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace cuframes::core::cuda {

/// Thread-safe.
class ReleaseQueue {
public:
    /// `lease_page`: reader_page_size bytes, page-aligned, mapped for as long as the queue lives.
    static Result<std::unique_ptr<ReleaseQueue>> create(const Context& context, std::byte* lease_page,
                                                        ReleaseScope scope);
    /// Waits as finish() does.
    ~ReleaseQueue();

    /// `streams`: with the contexts that they are of.
    void release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams);

    /// Waits until all releases so far are done, captures that are in the way included. False: some never will be, and the
    /// work that reads those frames may still run.
    bool finish();

    /// Has `wake` called once it is worth to look again whether leases have ended, from a thread in which CUDA may not be
    /// called. One call is arranged at a time. False: no release is under way. An error: the driver refuses some for good.
    Result<bool> when_done(std::shared_ptr<const Waker> wake);

    /// Whether every release is known to be done, so that destroying the queue would not wait. Does not wait.
    bool idle();

    void add_context(CUcontext context);

private:
    struct Pending {
        std::atomic<uint32_t>* lease;
        CUevent event;
    };
    /// What the driver said to a release that it refused.
    struct Refusal {
        CUresult result;
        const char* call;
    };
    /// Could not be ordered.
    struct Failed {
        std::atomic<uint32_t>* lease;
        std::vector<StreamRef> streams;
        Refusal why;
    };
    /// Somebody waits for releases: one call in the release stream at a time, which may run while this is destroyed.
    struct Wake {
        std::shared_ptr<const Waker> waker;
        std::shared_ptr<std::atomic<bool>> is_queued;
    };

    ReleaseQueue(const Context& context, std::byte* lease_page, ReleaseScope scope)
        : context_(context), lease_page_(lease_page), scope_(scope) {}

    Result<> start();
    bool gpu_can_write_leases();

    // All with mutex_ held; nothing is said where the driver took it.
    std::optional<Refusal> submit(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams);
    std::optional<Refusal> order_after(const std::vector<StreamRef>& streams);
    CUresult wait_for(CUcontext context, CUstream stream, bool whole_context);
    std::optional<Refusal> clear_on_gpu(std::atomic<uint32_t>& lease);
    std::optional<Refusal> clear_on_thread(std::atomic<uint32_t>& lease);
    CUevent event_for(CUcontext context);
    bool knows(CUcontext context) const;
    void retry_failed();
    void keep(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams, Refusal why);
    bool some_may_pass() const;
    Result<bool> arrange_wake(std::shared_ptr<const Waker> wake);
    void tell(const Refusal& refused) const;

    void reap();
    void retry();
    static void wake_from_driver(void* call);

    const Context& context_;
    std::byte* lease_page_;
    const ReleaseScope scope_;
    CUdeviceptr gpu_page_ = 0; ///< 0: the reaper thread clears the words.
    CUstream stream_ = nullptr;

    std::mutex mutex_;
    std::vector<CUcontext> contexts_;
    std::vector<std::pair<CUcontext, CUevent>> events_; ///< One for each context: re-recording leaves earlier waits be.
    const std::shared_ptr<std::atomic<bool>> wake_is_queued_ = std::make_shared<std::atomic<bool>>(false);
    std::condition_variable changed_; ///< Pending or failed ones have come or gone, or it stops.
    bool stopping_ = false;

    /// Clears the words where the GPU cannot.
    std::thread reaper_;
    std::deque<Pending> pending_;
    std::shared_ptr<const Waker> reaper_wake_;

    /// Tries again what was refused; there from the first refusal on.
    std::thread retrier_;
    std::vector<Failed> failed_;
    std::shared_ptr<const Waker> retrier_wake_;
    std::atomic<bool> unnamed_told_{false};
};

} // namespace cuframes::core::cuda
