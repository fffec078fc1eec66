# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pipeline in Python: cuframessrc ! appsink, slow kernels on what comes out, everything dropped at once."""

import time

import agent
import gpu_pixels
from cuframes import gst
from gi.repository import Gst


class Reader:
    def __init__(self, key, library="torch", max_held=3, own_context=False):
        self.library = library
        self.pipeline = Gst.parse_launch(
            f"cuframessrc key={key} max-held={max_held} ! video/x-raw(memory:CUDAMemory) ! "
            "appsink name=sink sync=false max-buffers=1 drop=true enable-last-sample=false"
        )
        if own_context:
            import gi

            gi.require_version("GstCuda", "1.0")
            from gi.repository import GstCuda

            GstCuda.cuda_load_library()
            self.context = GstCuda.CudaContext.new(0)
            self.pipeline.set_context(GstCuda.context_new_cuda_context(self.context))
        else:
            gst.install_primary_context(self.pipeline)
        self.sink = self.pipeline.get_by_name("sink")
        self.pipeline.set_state(Gst.State.PLAYING)

    def read(self, frames, spin_cycles):
        reader = gpu_pixels.READERS[self.library](frames, spin_cycles, 0)
        started = time.monotonic()
        values = []
        for index in range(frames):
            sample = self.sink.emit("try-pull-sample", 60 * Gst.SECOND)
            frame = gst.wrap(sample)
            # What the frame is, read before anything can have gone wrong, on a stream that waits for no slow kernel.
            values.append(gpu_pixels.first_pixel(frame.planes[0]))
            reader.look(frame.planes[0], values[-1], index)
            del sample, frame
        queued = time.monotonic() - started
        wrong = reader.result()
        return {
            "frames": frames,
            "different_frames": len(set(values)),
            "wrong_frames": sum(count > 0 for count in wrong),
            "rate": round(frames / queued, 1),
        }

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)
        gst.drain()


role = Reader(**agent.options())
try:
    agent.serve(role)
finally:
    role.close()
