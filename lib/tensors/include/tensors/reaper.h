// SPDX-License-Identifier: LGPL-2.1-or-later
/// Ends things on a thread of its own: what must wait for a GPU, and what may take locks that the caller must not meet
/// (a foreign deleter takes Python's interpreter lock; a streaming thread of GStreamer holds its own).
///
///     any thread, any callback                          the reaper
///     ------------------------                          ----------
///     records events for what is in flight     ──►      asks for the events now and then; when they have passed, runs the
///                                                       action: whoever's kernel takes long holds up nobody else
///
/// There is one for the process, it is never destroyed, and what is not done at exit() stays undone: the process is going.
/// In a forked child nothing is ended: what there is belongs to the parent.
#pragma once

#include "base/private_api.h"
#include "base/stream_ref.h"

#include <span>

namespace cuframes::tensors {

using core::StreamRef;

/// Runs `action(object)` on the reaper's thread. Never blocks. Any thread.
void reap(void (*action)(void*), void* object) noexcept;

/// The same, after the GPU work that is in flight now on `work`: on the streams and on the legacy ones of their contexts,
/// which stand for the other default ones too; with CUFRAMES_RELEASE=context all that the contexts have in flight. Never
/// blocks; may be called from a CUDA host function, where
/// driver calls are refused: the order is then recorded a moment later, by the reaper itself.
CUFRAMES_PRIVATE void reap_after(std::span<const StreamRef> work, void (*action)(void*), void* object) noexcept;

/// Waits until everything handed in so far is done. Must not be called with Python's interpreter lock held.
CUFRAMES_PRIVATE void drain_reaper() noexcept;

} // namespace cuframes::tensors
