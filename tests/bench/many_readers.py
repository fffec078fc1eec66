#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of a default ring against the number of its default readers, and what different readers get beside each other.

    many_readers.py [--memory host|cuda] [--clip FILE.mp4] [--readers 1,8,64] [--size 1920x1080] [--seconds 10]

The first table: one publisher with default settings, so many default readers (`cuframessrc ! fakesink sync=true`), and
the frames and bytes that the ring has then. The second: eight readers of different kinds at once; pictures per second at
their end, frames copied and held. --clip: H.264 that is decoded and published in a loop; without it a test picture.
Exits with 1 when a reader was refused or, in 5 seconds or more, did not get the publisher's rate.
"""

import argparse
import os
import sys
import tempfile
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

DOWNLOAD = {"host": "", "cuda": "cudadownload ! "}


class Pipeline:
    """A running pipeline; counts the buffers at the pad of its element `end`."""

    def __init__(self, line):
        self.line, self.count = line, 0
        self.pipeline = Gst.parse_launch(line)
        end = self.pipeline.get_by_name("end")
        if end:
            end.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self._arrived)
        self.pipeline.set_state(Gst.State.PLAYING)

    def _arrived(self, _pad, _info):
        self.count += 1
        return Gst.PadProbeReturn.OK

    def error(self):
        """What went wrong so far; warnings, of copies, are no errors."""
        bus = self.pipeline.get_bus()
        while message := bus.pop():
            if message.type == Gst.MessageType.ERROR:
                return message.parse_error()[0].message
            if message.type == Gst.MessageType.LATENCY:
                self.pipeline.recalculate_latency()
        return None

    def stats(self, name):
        return self.pipeline.get_by_name(name).get_property("stats")

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)


def publisher_line(args, rate):
    width, height = args.size.split("x")
    if args.clip:
        decoder = "nvh264dec" if args.memory == "cuda" else "avdec_h264"
        head = f"multifilesrc location={args.clip} loop=true ! h264parse ! {decoder}"
        if not args.clip.endswith(".h264"):
            head = f"filesrc location={args.clip} ! qtdemux ! h264parse ! {decoder}"
    else:
        # Without the caps cudaupload would pass frames in host memory through.
        upload = "cudaupload ! video/x-raw(memory:CUDAMemory) ! " if args.memory == "cuda" else ""
        head = (
            f"videotestsrc is-live=true pattern=ball ! video/x-raw,format=NV12,width={width},height={height},"
            f"framerate={rate}/1 ! {upload}queue"
        )
    return f"{head} ! cuframessink name=sink key=many"


def look(pipelines, seconds):
    """Serves the buses for a while; returns the first error."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pipeline in pipelines:
            if problem := pipeline.error():
                return f"{pipeline.line}: {problem}"
        time.sleep(0.02)
    return None


def memory_table(args):
    print(
        "| default readers | frames the ring keeps | its memory, MiB | of one frame | refused |\n|---|---|---|---|---|"
    )
    failures = []
    for count in [int(n) for n in args.readers.split(",")]:
        publisher = Pipeline(publisher_line(args, 30))
        failures += filter(None, [look([publisher], 1)])
        readers = [Pipeline("cuframessrc name=src key=many ! fakesink name=end sync=true") for _ in range(count)]
        problem = look([publisher, *readers], 3)
        stats = publisher.stats("sink")
        memory, slots = stats.get_value("memory"), stats.get_value("slots")
        print(
            f"| {count} | {slots} | {memory / 2**20:.1f} | {memory / 2**20 / max(slots, 1):.2f} | {problem or 'none'} |",
            flush=True,
        )
        failures += filter(None, [problem])
        for pipeline in [*readers, publisher]:
            pipeline.stop()
    return failures


def kinds(args, folder):
    get = DOWNLOAD[args.memory]
    lines = {
        "synced viewer": f"cuframessrc name=src key=many ! {get}videoconvert ! fakesink name=end sync=true",
        "synced viewer, in place": "cuframessrc name=src key=many ! fakesink name=end sync=true",
        "strict reader": "cuframessrc name=src key=many mode=strict ! fakesink name=end sync=false",
        "appsink, 40 kept": "cuframessrc name=src key=many ! queue max-size-buffers=40 min-threshold-buffers=35 "
        "max-size-time=0 max-size-bytes=0 ! fakesink name=end sync=false",
        "videorate": f"cuframessrc name=src key=many ! {get}videorate ! fakesink name=end sync=true",
        "slow branch behind a tee": f"cuframessrc name=src key=many ! tee name=t ! queue ! fakesink name=end sync=true "
        f"t. ! queue leaky=downstream max-size-buffers=1 ! {get}identity sleep-time=300000 "
        f"! fakesink sync=false",
        "max-held=1": "cuframessrc name=src key=many max-held=1 ! queue ! fakesink name=end sync=true",
    }
    if Gst.ElementFactory.find("x264enc"):
        lines["x264enc"] = (
            f"cuframessrc name=src key=many ! {get}x264enc speed-preset=ultrafast ! h264parse ! mp4mux ! "
            f"filesink name=end location={folder}/many.mp4"
        )
    return lines


def mixed_table(args):
    publisher = Pipeline(publisher_line(args, 30))
    failures = [look([publisher], 2)]
    print(
        "\n| reader | received/s | at its end/s | copied | held | may hold | skipped or lost |"
        "\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        readers = {name: Pipeline(line) for name, line in kinds(args, folder).items()}
        everybody = [publisher, *readers.values()]
        failures.append(look(everybody, 4))
        before = {name: (r.count, r.stats("src")) for name, r in readers.items()}
        published = publisher.stats("sink").get_value("published")
        failures.append(look(everybody, args.seconds))
        rate = (publisher.stats("sink").get_value("published") - published) / args.seconds
        for name, reader in readers.items():
            count, then = before[name]
            now = reader.stats("src")
            per_second = {
                field: (now.get_value(field) - then.get_value(field)) / args.seconds
                for field in ("received", "skipped", "lost")
            }
            shown = (reader.count - count) / args.seconds
            print(
                f"| {name} | {per_second['received']:.1f} | {shown:.1f} | {now.get_value('copied')} | "
                f"{now.get_value('held')} | {now.get_value('max-held')} | "
                f"{(per_second['skipped'] + per_second['lost']) * args.seconds:.0f} |"
            )
            if args.seconds >= 5 and per_second["received"] < 0.95 * rate:
                failures.append(f"{name} received {per_second['received']:.1f} of {rate:.1f} frames/s")
        stats = publisher.stats("sink")
        print(
            f"\npublished {rate:.1f}/s; the ring keeps {stats.get_value('slots')} frames in "
            f"{stats.get_value('memory') / 2**20:.1f} MiB; copied into it {stats.get_value('copied')}, "
            f"dropped {stats.get_value('dropped')}"
        )
        for pipeline in everybody[::-1]:
            pipeline.stop()
    return [failure for failure in failures if failure]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", choices=("host", "cuda"), default="host")
    parser.add_argument("--clip")
    parser.add_argument("--readers", default="1,8,64")
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    Gst.init(None)
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CUFRAMES_DIR"] = directory
        failures = memory_table(args) + mixed_table(args)
    for failure in failures:
        print("FAIL", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
