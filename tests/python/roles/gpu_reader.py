# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads frames with slow kernels on a non-blocking stream, and drops tensor and frame as soon as the kernel
is queued."""

import time

import agent
import cuframes
import gpu_pixels


class Reader:
    def __init__(self, key, library="torch", max_held=2, mode="NEWEST_ONLY", cuda_device=0):
        self.library = library
        self.device = cuda_device
        self.subscriber = cuframes.subscribe(
            key,
            mode=getattr(cuframes.SubscriberMode, mode),
            max_held=max_held,
            cuda_device=cuda_device,
            connect_timeout_ms=60000,
        )

    def read(self, frames, spin_cycles):
        reader = gpu_pixels.READERS[self.library](frames, spin_cycles, self.device)
        started = time.monotonic()
        first = last = None
        for index in range(frames):
            # Where every lease belongs to a kernel that still runs, this waits for one of them.
            frame = self.subscriber.next_frame(timeout_ms=60000)
            reader.look(frame.planes[0], gpu_pixels.value_of(frame.pts), index)
            first, last = first or frame.seq, frame.seq
            frame.release()
            del frame
        queued = time.monotonic() - started
        wrong = reader.result()
        return {
            "frames": frames,
            "wrong_frames": sum(count > 0 for count in wrong),
            "passed_over": last - first + 1 - frames,
            "rate": round(frames / queued, 1),
        }


role = Reader(**agent.options())
try:
    agent.serve(role)
finally:
    role.subscriber.close()
