// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Ends leases in GPU order: the lease word is cleared once the work that may read the frame is complete, and nobody
 * waits for that on the CPU.
 *
 *   reader's streams   ──kernel reads the frame──●                     ● = event recorded at release
 *                                                 ╲
 *   release stream                                 wait ●── write 0 to the lease word (a host page the GPU can reach)
 *
 * Recorded are everything each known context has in flight (CUDA 12.5), or, with older drivers, the streams named and
 * the legacy stream, which covers those made with CU_STREAM_DEFAULT as GStreamer's are. Where the GPU cannot write the
 * word (no stream memory operations), a thread waits for the events instead.
 */
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda/driver.h"
#include "ipc/waker.h"
#include "memory/frame_store.h"

namespace cuframes::cuda {

/** Thread-safe. Destroying it waits until every release is done. */
class ReleaseQueue {
public:
    /** `lease_page`: lease_page_size bytes, page-aligned, mapped for as long as the queue lives. */
    static Result<std::unique_ptr<ReleaseQueue>> create(const Context& context, std::byte* lease_page);
    ~ReleaseQueue();

    void release(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams);

    /** Waits until all releases so far are done. */
    void finish();

    /**
     * Has `wake` called once all releases so far are done, from a thread in which CUDA may not be called. One call is
     * arranged at a time. False: none is under way, and none will be.
     */
    bool when_done(std::shared_ptr<const Waker> wake);

    /** Whether every release is known to be done, so that destroying the queue would not wait. Does not wait. */
    bool idle();

    void add_context(CUcontext context);

private:
    struct Pending {
        std::atomic<uint32_t>* lease;
        CUevent event;
    };

    ReleaseQueue(const Context& context, std::byte* lease_page) : context_(context), lease_page_(lease_page) {}

    Result<> start();
    bool gpu_can_write_leases();
    Result<> submit(std::atomic<uint32_t>& lease, const std::vector<StreamRef>& streams);
    Result<> order_after(const std::vector<StreamRef>& streams);
    CUresult wait_for(CUcontext context, CUresult (*record)(const Driver&, CUcontext, CUstream, CUevent),
                      CUstream stream);
    Result<> clear_on_gpu(std::atomic<uint32_t>& lease);
    Result<> clear_on_thread(std::atomic<uint32_t>& lease);
    void retry_failed();
    CUevent event_for(CUcontext context);
    void reap();
    static void wake_from_driver(void* call);

    const Context& context_;
    std::byte* lease_page_;
    CUdeviceptr gpu_page_ = 0; ///< 0: the reaper thread clears the words.
    CUstream stream_ = nullptr;

    std::mutex mutex_;
    std::vector<CUcontext> contexts_;
    std::vector<std::pair<CUcontext, CUevent>> events_; ///< One for each context: re-recording leaves earlier waits be.
    struct Failed {
        std::atomic<uint32_t>* lease;
        std::vector<StreamRef> streams;
    };
    std::vector<Failed> failed_; ///< Could not be ordered (a stream capture, say): tried again with the next release.

    /** Somebody waits for releases: one call in the release stream at a time, which may run while this is destroyed. */
    struct Wake {
        std::shared_ptr<const Waker> waker;
        std::shared_ptr<std::atomic<bool>> is_queued;
    };
    const std::shared_ptr<std::atomic<bool>> wake_is_queued_ = std::make_shared<std::atomic<bool>>(false);

    std::thread reaper_;
    std::shared_ptr<const Waker> reaper_wake_; ///< The same where the reaper ends the leases.
    std::condition_variable reaper_wakes_;
    std::condition_variable reaper_idle_;
    std::deque<Pending> pending_;
    bool stopping_ = false;
};

} // namespace cuframes::cuda
