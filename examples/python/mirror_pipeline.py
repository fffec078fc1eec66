# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tensors inside of GStreamer pipelines: one reads a key, torch mirrors the pictures, another publishes them.

    python3 mirror_pipeline.py cam-gate cam-gate-mirrored

The pictures stay where they are, on the GPU or in host memory; the only copy is torch's own result.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import torch
from cuframes import gst
from gi.repository import Gst  # type: ignore[import-untyped]
from torch.utils.dlpack import from_dlpack


def mirror(sample: Gst.Sample) -> Gst.Sample:
    """The same picture from the other side: every plane with its columns in reverse."""
    frame = gst.wrap(sample)
    planes = [from_dlpack(plane).flip(1) for plane in frame.planes]
    size = (frame.width, frame.height)
    buffer = gst.to_buffer(planes, frame.format, *size, pts=frame.pts, duration=frame.duration)
    return Gst.Sample.new(buffer, sample.get_caps(), sample.get_segment(), None)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="KEY")
    parser.add_argument("target", metavar="MIRRORED-KEY")
    options = parser.parse_args()

    reader = Gst.parse_launch(
        f"cuframessrc key={options.source} ! appsink name=out max-buffers=1 sync=false enable-last-sample=false"
    )
    writer = Gst.parse_launch(f"appsrc name=in format=time is-live=true ! cuframessink key={options.target} sync=false")
    for pipeline in (reader, writer):
        if torch.cuda.is_available():
            gst.install_primary_context(pipeline)
        pipeline.set_state(Gst.State.PLAYING)
    try:
        while sample := reader.get_by_name("out").emit("pull-sample"):  # None: the stream ended
            writer.get_by_name("in").emit("push-sample", mirror(sample))
        writer.get_by_name("in").emit("end-of-stream")
        writer.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    finally:
        for pipeline in (reader, writer):
            pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main()
