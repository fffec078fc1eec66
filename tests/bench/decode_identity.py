#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that frames come out of the ring as they came out of the decoder, every one, and that none was copied.

A clip is decoded once into an appsink, and once into a cuframessink with strict readers in processes of their own.
The MD5 of the visible rows of all planes must be the same, frame by frame. Without a clip one is made.
"""

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402
from programs import Program, ProgramError  # noqa: E402

SKIPPED = 77
KEY = "identity"
HELD_BY_READER = 3
# libav's direct rendering keeps frames mapped for writing, which makes GStreamer duplicate them behind the decoder.
DECODERS = ("nvh264dec", "avdec_h264", "openh264dec")
ENCODERS = {"x264enc": "x264enc bframes=2 speed-preset=veryfast", "openh264enc": "openh264enc"}
# Neither side is a multiple of 16: the decoder's picture is larger than the visible one.
CLIP = "videotestsrc num-buffers=60 pattern=smpte ! video/x-raw,format=I420,width=322,height=182,framerate=30/1"


def decode_line(path, decoder):
    demuxer = "qtdemux" if path.endswith(".mp4") else "parsebin"
    return f'filesrc location="{path}" ! {demuxer} ! h264parse ! {decoder}'


def make_clip(path):
    encoder = next((line for name, line in ENCODERS.items() if Gst.ElementFactory.find(name)), None)
    if encoder is None:
        print("no H.264 encoder to make a clip with; name one with --clip")
        sys.exit(SKIPPED)
    line = f"{CLIP} ! {encoder} ! h264parse ! mp4mux ! filesink location={path}"
    subprocess.run(["gst-launch-1.0", "-q", *line.split()], check=True)


# ------------------------------------------------------------------------------------------------------- the pixels


def plane_layout(info, plane):
    """Visible bytes in a row, and visible rows."""
    components = [c for c in range(info.finfo.n_components) if info.finfo.plane[c] == plane]
    first = components[0]
    width = -(-info.width >> info.finfo.w_sub[first])
    rows = -(-info.height >> info.finfo.h_sub[first])
    return width * info.finfo.pixel_stride[first], rows


def hash_visible_rows(sample, total):
    """MD5 of what can be seen of one frame, which is also added to `total`."""
    info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
    buffer = sample.get_buffer()
    layout = GstVideo.buffer_get_video_meta(buffer) or info
    digest = hashlib.md5()
    ok, mapped = buffer.map(Gst.MapFlags.READ)
    if not ok:
        raise ProgramError("a frame cannot be mapped")
    data = memoryview(mapped.data)
    for plane in range(info.finfo.n_planes):
        row_bytes, rows = plane_layout(info, plane)
        offset, stride = layout.offset[plane], layout.stride[plane]
        for start in range(offset, offset + rows * stride, stride):
            digest.update(data[start : start + row_bytes])
            total.update(data[start : start + row_bytes])
    data.release()
    buffer.unmap(mapped)
    return digest.hexdigest()


# -------------------------------------------------------------------------------------------------------- the roles


def error_of(pipeline):
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    return message.parse_error()[0].message if message else None


def hash_stream(line):
    """Plays `line` into an appsink; the hash of every frame, and of all together."""
    pipeline = Gst.parse_launch(f"{line} ! appsink name=out sync=false max-buffers=1 enable-last-sample=false")
    sink = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    hashes, total = [], hashlib.md5()
    while sample := sink.emit("pull-sample"):
        hashes.append(hash_visible_rows(sample, total))
        # Or it would be held while the next one is waited for.
        del sample
    error = error_of(pipeline)
    pipeline.set_state(Gst.State.NULL)
    if error:
        raise ProgramError(error)
    return {"event": "hashes", "frames": hashes, "total": total.hexdigest()}


def publish(line):
    pipeline = Gst.parse_launch(line)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.ERROR | Gst.MessageType.EOS)
    stats = pipeline.get_by_name("ring").get_property("stats")
    counts = {name: stats.get_value(name) for name in ("published", "dropped", "copied", "lapped")}
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        raise ProgramError(message.parse_error()[0].message)
    return {"event": "published", **counts}


# -------------------------------------------------------------------------------------------------------- the check


def role(name, line, env=None):
    return Program([sys.executable, os.path.abspath(__file__), "--role", name, "--line", line], env)


def reference(path, decoder):
    # nvh264dec must decode to GPU memory here, too: that is what it does in front of a ring.
    caps = " ! video/x-raw(memory:CUDAMemory)" if decoder.startswith("nv") else ""
    with role("hash", decode_line(path, decoder) + caps) as process:
        return process.expect("hashes", seconds=120)


def through_the_ring(path, decoder, readers):
    """Counts of the sink, and the hashes of each reader."""
    slots = HELD_BY_READER * readers + 4
    sink = (
        f"cuframessink name=ring key={KEY} slots={slots} policy=wait wait-timeout=60000"
        f" wait-for-subscribers={readers} sync=false"
    )
    source = f"cuframessrc key={KEY} mode=strict max-held={HELD_BY_READER}"
    with tempfile.TemporaryDirectory(prefix="cuframes-identity-") as directory, contextlib.ExitStack() as stack:
        env = {**os.environ, "CUFRAMES_DIR": directory}
        processes = [stack.enter_context(role("hash", source, env)) for _ in range(readers)]
        publisher = stack.enter_context(role("publish", f"{decode_line(path, decoder)} ! {sink}", env))
        counts = publisher.expect("published", seconds=120)
        return counts, [process.expect("hashes", seconds=120) for process in processes]


def check(path, decoder, readers, expected):
    counts, results = through_the_ring(path, decoder, readers)
    frames = expected["frames"]
    identical = min(sum(map(str.__eq__, frames, result["frames"])) for result in results)
    same = all(result["frames"] == frames for result in results)
    good = same and len(frames) > 0 and not any(counts[name] for name in ("copied", "dropped", "lapped"))
    print(
        f"{os.path.basename(path)}, {decoder}, {readers} reader{'s' if readers > 1 else ''}:"
        f" {identical} of {len(frames)} identical, copied={counts['copied']}, dropped={counts['dropped']},"
        f" lapped={counts['lapped']}, MD5 of all {expected['total']}: {'ok' if good else 'FAIL'}",
        flush=True,
    )
    return good


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clip", metavar="FILE", help="H.264 in any container; none: one is made")
    parser.add_argument("--decoder", help="default: the first that is installed of " + ", ".join(DECODERS))
    parser.add_argument("--readers", default="1,4", metavar="LIST")
    parser.add_argument("--role", choices=("hash", "publish"), help=argparse.SUPPRESS)
    parser.add_argument("--line", help=argparse.SUPPRESS)
    return parser.parse_args()


def play_role(arguments):
    result = hash_stream(arguments.line) if arguments.role == "hash" else publish(arguments.line)
    print(json.dumps(result), flush=True)


def main():
    arguments = parse_arguments()
    Gst.init(None)
    if arguments.role:
        return play_role(arguments)
    decoder = arguments.decoder or next((line for line in DECODERS if Gst.ElementFactory.find(line.split()[0])), None)
    if decoder is None:
        print("no H.264 decoder is installed")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="cuframes-clip-") as directory:
        path = arguments.clip or os.path.join(directory, "generated.mp4")
        if not arguments.clip:
            make_clip(path)
        expected = reference(path, decoder)
        counts = [int(count) for count in arguments.readers.split(",")]
        # Each is looked at and told, whatever the one before said.
        whole = [check(path, decoder, readers, expected) for readers in counts]
        return 0 if all(whole) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProgramError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
