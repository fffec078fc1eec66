#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encoded packets from one process to others: how long handing one on takes, and how old it is when a reader has it.

    packet_transport.py [--systems cuframes,unixfd,shm,rtsp] [--readers 1,8] [--mbit 4,40] [--seconds 5]

A stream of 30 packets a second is pushed into each system's sink by its pad, in one process, and taken in as many
processes as there are readers. A packet begins with the time when it was pushed. Nothing is decoded, and no clock holds
anything up."""

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

RATE = 30
CAPS = "video/x-h264,stream-format=byte-stream,alignment=au,width=1920,height=1080,framerate=30/1"
SECOND = 1_000_000_000

SINKS = {
    "cuframes": "cuframessink key=bench directory={dir} sync=false",
    "unixfd": "unixfdsink socket-path={dir}/bench sync=false",
    "shm": "shmsink socket-path={dir}/bench shm-size=67108864 wait-for-connection=false sync=false",
}
SOURCES = {
    "cuframes": "cuframessrc key=bench directory={dir}",
    "unixfd": "unixfdsrc socket-path={dir}/bench",
    "shm": "shmsrc socket-path={dir}/bench is-live=true",
    "rtsp": "rtspsrc location=rtsp://127.0.0.1:{port}/bench latency=0 protocols=tcp ! rtpgstdepay",
}


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def packets(size):
    """For ever, at the rate: the bytes of a packet that begins with the time it is due."""
    body = bytes(i * 7 % 256 for i in range(size - 8))
    begin = time.monotonic_ns()
    for number in range(1 << 62):
        due = begin + number * SECOND // RATE
        time.sleep(max(0, (due - time.monotonic_ns()) / SECOND))
        yield number, struct.pack("<Q", time.monotonic_ns()) + body


def allocator_of(system):
    """What memory the sink takes: unixfdsink takes none but its own allocator's, which encoders would use then."""
    if system != "unixfd":
        return None
    gi.require_version("GstAllocators", "1.0")
    from gi.repository import GstAllocators

    GstAllocators.ShmAllocator.init_once()
    return GstAllocators.ShmAllocator.get()


def buffer_of(number, data, allocator=None):
    buffer = Gst.Buffer.new_allocate(allocator, len(data), None)
    buffer.fill(0, data)
    buffer.pts = buffer.dts = number * SECOND // RATE
    buffer.duration = SECOND // RATE
    if number % RATE:
        buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
    return buffer


def publish(system, directory, size, seconds):
    """Prints the times in microseconds that pushing took, one a line."""
    sink = Gst.parse_launch(SINKS[system].format(dir=directory))
    pipeline = Gst.Pipeline.new()
    pipeline.add(sink)
    pipeline.set_state(Gst.State.PLAYING)
    pad = sink.get_static_pad("sink")
    pad.send_event(Gst.Event.new_stream_start("bench"))
    pad.send_event(Gst.Event.new_caps(Gst.Caps.from_string(CAPS)))
    segment = Gst.Segment()
    segment.init(Gst.Format.TIME)
    pad.send_event(Gst.Event.new_segment(segment))
    allocator = allocator_of(system)
    print("ready", flush=True)
    end = time.monotonic() + seconds
    for number, data in packets(size):
        buffer = buffer_of(number, data, allocator)
        before = time.monotonic_ns()
        if pad.chain(buffer) != Gst.FlowReturn.OK:
            sys.exit("the sink refuses packets")
        print((time.monotonic_ns() - before) / 1000)
        if time.monotonic() > end:
            break
    pipeline.set_state(Gst.State.NULL)


def publish_rtsp(directory, size, seconds):
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GstRtspServer

    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=in format=time is-live=true do-timestamp=true caps={CAPS} ! rtpgstpay name=pay0 )"
    )
    factory.set_shared(True)
    sources = []
    factory.connect("media-configure", lambda _, media: sources.append(media.get_element().get_by_name("in")))
    server = GstRtspServer.RTSPServer()
    server.set_service("0")
    server.get_mount_points().add_factory("/bench", factory)
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)
    stream, end = packets(size), time.monotonic() + seconds

    def push():
        _, data = next(stream)
        for source in sources:
            source.emit("push-buffer", Gst.Buffer.new_wrapped(data))  # Its time is when it comes.
        if time.monotonic() > end:
            loop.quit()
        return time.monotonic() <= end

    loop = GLib.MainLoop()
    GLib.idle_add(push)
    loop.run()


def read(system, directory, port):
    """Prints the ages in microseconds of the packets that came, one a line, until told to end."""
    pipeline = Gst.parse_launch(
        SOURCES[system].format(dir=directory, port=port) + " ! fakesink name=out signal-handoffs=true sync=false"
    )

    def handoff(_, buffer, __):
        stamp = struct.unpack("<Q", buffer.extract_dup(0, 8))[0]
        print((time.monotonic_ns() - stamp) / 1000)

    pipeline.get_by_name("out").connect("handoff", handoff)
    pipeline.set_state(Gst.State.PLAYING)
    print("ready", flush=True)
    sys.stdin.read()
    pipeline.set_state(Gst.State.NULL)
    sys.stdout.flush()


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def measure(system, readers, mbit, seconds):
    """(push times, [ages of each reader])"""
    size = int(mbit * 1e6 / 8 / RATE)
    with tempfile.TemporaryDirectory() as directory:
        publisher = start("--role", "publish", system, directory, size, seconds + 2)
        ready = publisher.stdout.readline().split()
        port = ready[1] if len(ready) > 1 else 0
        all_readers = [start("--role", "read", system, directory, port) for _ in range(readers)]
        for one in all_readers:
            one.stdout.readline()
        pushes = [float(line) for line in publisher.communicate()[0].split()]
        ages = [[float(line) for line in one.communicate()[0].split()] for one in all_readers]
    return pushes, ages


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default="cuframes,unixfd,shm,rtsp")
    parser.add_argument("--readers", default="1,8")
    parser.add_argument("--mbit", default="4,40")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--role", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    Gst.init(None)
    if options.role:
        role, system, directory, *rest = options.role
        if role == "read":
            read(system, directory, rest[0])
        elif system == "rtsp":
            publish_rtsp(directory, int(rest[0]), float(rest[1]))
        else:
            publish(system, directory, int(rest[0]), float(rest[1]))
        sys.stdout.flush()
        os._exit(0)  # A socket source whose publisher has gone may take its time to stop.
    print("| system | Mbit/s | readers | push p50, p99 µs | age p50, p99 µs | packets/s |")
    print("|---|---:|---:|---:|---:|---:|")
    for mbit in options.mbit.split(","):
        for readers in options.readers.split(","):
            for system in options.systems.split(","):
                pushes, ages = measure(system, int(readers), float(mbit), options.seconds)
                every = [age for one in ages for age in one]
                # The first second is for coming in.
                rate = min(len(one) for one in ages) / (options.seconds + 2)
                pushed = f"{percentile(pushes, 0.5):.0f}, {percentile(pushes, 0.99):.0f}" if pushes else "-"
                print(
                    f"| {system} | {mbit} | {readers} | {pushed} "
                    f"| {percentile(every, 0.5):.0f}, {percentile(every, 0.99):.0f} | {rate:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
