// SPDX-License-Identifier: LGPL-2.1-or-later
/// Streams of the caller: whose they are, and events behind what is queued on them.
#pragma once

#include "base/cuda/driver.h"

namespace cuframes::core::cuda {

/// NULL and the two handles that name the default streams of whatever context is current.
inline bool is_default_stream(CUstream stream) {
    return !stream || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
}

/// The context that the stream was made in, whatever the caller says; for the default streams, which belong to any,
/// `said`. INVALID_ARGUMENT: there is no such stream, as far as the driver can tell.
Result<CUcontext> context_of_stream(const Driver& driver, CUstream stream, CUcontext said);

/// CUDA_SUCCESS: work that is queued on the stream runs. Else it would go into a graph that is being captured there, or,
/// on the legacy stream, would break a capture on one that waits for it.
CUresult check_not_capturing(const Driver& driver, CUstream stream);

/// Records an event behind what is queued on the stream, in the current context. Touches no capture: where there is one,
/// CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED or _IMPLICIT, and the event is not to be waited for.
CUresult record_behind(const Driver& driver, CUevent event, CUstream stream);

/// Whether a call that was refused so may be accepted later: a capture ends, memory is freed, a host function returns.
bool may_pass_later(CUresult result);

} // namespace cuframes::core::cuda
