// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/cuda/driver.h"
#include "base/cuda/streams.h"
#include "base/cuda/unsafe_release.h"
#include "base/release_wish.h"
#include "in_flight.h"

#include <algorithm>

namespace cuframes::tensors {
namespace {

using core::cuda::Current;
using core::cuda::Driver;

bool waits_for_contexts(const Driver& driver) {
    static const bool wish = [] {
        auto value = core::release_wish();
        return value && *value;
    }();
    return wish && driver.cuCtxRecordEvent;
}

/// An event behind the stream, or with NULL all of the context. Of the failures some pass.
CUresult record_event(const Driver& driver, CUcontext context, CUstream stream, CUevent& event) {
    Current current(driver, context);
    if (current.result() != CUDA_SUCCESS) {
        return current.result();
    }
    if (const CUresult result = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING); result != CUDA_SUCCESS) {
        return result;
    }
    const CUresult result =
        stream ? core::cuda::record_behind(driver, event, stream) : driver.cuCtxRecordEvent(context, event);
    if (result != CUDA_SUCCESS) {
        driver.cuEventDestroy(event);
    }
    return result;
}

} // namespace

WaitList WaitList::record(std::span<const StreamRef> work) {
    WaitList list;
    auto loaded = core::cuda::driver();
    if (!loaded || core::cuda::releases_are_unsafe()) {
        return list;
    }
    const Driver& driver = **loaded;
    const bool whole = waits_for_contexts(driver);
    for (const StreamRef& one : work) {
        list.add(one.context, whole ? nullptr : static_cast<void*>(CU_STREAM_LEGACY));
        // The default streams of all threads are covered by the legacy one.
        if (!whole && !core::cuda::is_default_stream(static_cast<CUstream>(one.stream))) {
            list.add(one.context, one.stream);
        }
    }
    list.had_work_ = !work.empty();
    list.record_rest(driver);
    return list;
}

void WaitList::add(void* context, void* stream) {
    const StreamRef one{.stream = stream, .context = context};
    if (std::find(unrecorded_.begin(), unrecorded_.end(), one) == unrecorded_.end()) {
        unrecorded_.push_back(one);
    }
}

void WaitList::record_rest(const Driver& driver) {
    std::erase_if(unrecorded_, [&](const StreamRef& one) {
        CUevent event = nullptr;
        const CUresult result =
            record_event(driver, static_cast<CUcontext>(one.context), static_cast<CUstream>(one.stream), event);
        if (result == CUDA_SUCCESS) {
            events_.push_back({one.context, event});
        }
        // What is refused for good means a broken context, in which nothing reads any more.
        return result == CUDA_SUCCESS || !core::cuda::may_pass_later(result);
    });
}

void WaitList::run(void (*action)(void*), void* object) const {
    if (!had_work_) {
        action(object);
        return;
    }
    const core::cuda::RelaxedCapture relaxed;
    action(object);
}

bool WaitList::passed() {
    if (events_.empty() && unrecorded_.empty()) {
        return true;
    }
    const core::cuda::RelaxedCapture relaxed;
    const Driver& driver = **core::cuda::driver();
    record_rest(driver);
    std::erase_if(events_, [&](const Event& one) {
        Current current(driver, static_cast<CUcontext>(one.context));
        auto* event = static_cast<CUevent>(one.event);
        if (driver.cuEventQuery(event) == CUDA_ERROR_NOT_READY) {
            return false;
        }
        driver.cuEventDestroy(event);
        return true;
    });
    return events_.empty() && unrecorded_.empty();
}

} // namespace cuframes::tensors
