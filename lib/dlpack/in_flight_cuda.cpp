// SPDX-License-Identifier: LGPL-2.1-or-later
#include "in_flight.h"

#include <algorithm>

#include "cuda/driver.h"
#include "cuda/unsafe_release.h"

namespace cuframes::dlpack {
namespace {

using cuda::Current;
using cuda::Driver;

/** Behind the stream, or with NULL all of the context. NULL: the driver does not let us here, or there is no such stream. */
CUevent record_event(const Driver& driver, CUcontext context, CUstream stream) {
    Current current(driver, context);
    CUevent event = nullptr;
    if (driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC) != CUDA_SUCCESS) {
        return nullptr;
    }
    const CUresult result = stream ? driver.cuEventRecord(event, stream) : driver.cuCtxRecordEvent(context, event);
    if (result != CUDA_SUCCESS) {
        driver.cuEventDestroy(event);
        return nullptr;
    }
    return event;
}

} // namespace

WaitList WaitList::record(std::span<const InFlight> work) {
    WaitList list;
    auto loaded = cuda::driver();
    if (!loaded || cuda::releases_are_unsafe()) {
        return list;
    }
    const Driver& driver = **loaded;
    for (const InFlight& one : work) {
        if (!list.add(driver, one)) {
            list.unrecorded_.push_back(one);
        }
    }
    return list;
}

bool WaitList::add(const Driver& driver, const InFlight& work) {
    auto* context = static_cast<CUcontext>(work.context);
    auto append = [&](CUstream stream) {
        CUevent event = record_event(driver, context, stream);
        if (event) {
            events_.push_back({context, event});
        }
        return event != nullptr;
    };
    if (driver.cuCtxRecordEvent) {
        auto is_same = [context](const Event& known) { return known.context == context; };
        return std::any_of(events_.begin(), events_.end(), is_same) || append(nullptr);
    }
    return work.stream && append(CU_STREAM_LEGACY) && append(static_cast<CUstream>(work.stream));
}

void WaitList::finish() {
    auto loaded = cuda::driver();
    if (!loaded) {
        return;
    }
    const Driver& driver = **loaded;
    for (const InFlight& one : unrecorded_) {
        // Later than it could be, and so more than is needed: all of the context.
        Current current(driver, static_cast<CUcontext>(one.context));
        driver.cuCtxSynchronize();
    }
    for (const Event& one : events_) {
        Current current(driver, static_cast<CUcontext>(one.context));
        auto* event = static_cast<CUevent>(one.event);
        // A failed wait means a broken context, in which nothing reads any more.
        driver.cuEventSynchronize(event);
        driver.cuEventDestroy(event);
    }
    events_.clear();
    unrecorded_.clear();
}

} // namespace cuframes::dlpack
