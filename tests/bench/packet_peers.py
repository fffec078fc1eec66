# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both ends of packet_transport.py, each a process: JSON lines to stdout, letters from stdin, whose end ends them.

    packet_peers.py publish SYSTEM DIRECTORY SIZE COUNT
    packet_peers.py read SYSTEM DIRECTORY SIZE PORT

A packet begins with the time when it was pushed, its number, and those of the first and the last packet that are measured:
0 until the publisher was told to measure."""

import ctypes
import json
import os
import struct
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

RATE = 30
SECOND = 1_000_000_000
HEADER = struct.Struct("<4Q")
CAPS = "video/x-h264,stream-format=byte-stream,alignment=au,width=1920,height=1080,framerate=30/1"

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


def report(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def body_of(size):
    return bytes(i * 7 % 256 for i in range(size - HEADER.size))


def microseconds(times):
    return [time / 1000 for time in times]


class Stream:
    """Packets at the rate, and what is measured of them once somebody has written to stdin."""

    def __init__(self, size, count):
        self._body = body_of(size)
        self._count = count
        self._wanted = threading.Event()
        self.ended = threading.Event()
        self._first = self._last = 0
        self._times, self._cpu = [], 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while sys.stdin.read(1):
            self._wanted.set()
        self.ended.set()

    def packets(self):
        """Number and bytes of each, when it is due."""
        begin = time.monotonic_ns()
        number = 0
        while not self.ended.is_set():
            number += 1
            due = begin + number * SECOND // RATE
            time.sleep(max(0, (due - time.monotonic_ns()) / SECOND))
            self._measure(number)
            yield number, HEADER.pack(time.monotonic_ns(), number, self._first, self._last) + self._body

    def _measure(self, number):
        if self._wanted.is_set() and not self._first:
            self._first, self._last = number, number + self._count - 1
            self._times, self._cpu = [], time.process_time_ns()
        elif self._first and number == self._last + 1:
            cpu = (time.process_time_ns() - self._cpu) / 1000 / self._count
            report("measured", pushes=microseconds(self._times), cpu=cpu)

    def took(self, nanoseconds):
        self._times.append(nanoseconds)


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


def publish(system, directory, stream):
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
    report("ready", port=0)
    for number, data in stream.packets():
        buffer = buffer_of(number, data, allocator)
        before = time.monotonic_ns()
        if pad.chain(buffer) != Gst.FlowReturn.OK:
            sys.exit("the sink refuses packets")
        stream.took(time.monotonic_ns() - before)


def publish_nowhere(stream):
    """What copying a packet takes by itself, into a second's worth of memory that was written before."""
    memory = [ctypes.create_string_buffer(len(data)) for _, (_, data) in zip(range(RATE), stream.packets())]
    report("ready", port=0)
    for number, data in stream.packets():
        before = time.monotonic_ns()
        ctypes.memmove(memory[number % RATE], data, len(data))
        stream.took(time.monotonic_ns() - before)


def publish_rtsp(stream):
    """Over TCP to ourselves. A push is only into a queue here, so none is measured."""
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
    loop = GLib.MainLoop()

    def push():
        for _, data in stream.packets():
            for source in sources:
                source.emit("push-buffer", Gst.Buffer.new_wrapped(data))  # Its time is when it comes.
        loop.quit()

    threading.Thread(target=push, daemon=True).start()
    report("ready", port=server.get_bound_port())
    loop.run()


class Arrivals:
    """What a reader has seen of the packets that are measured."""

    def __init__(self, size):
        self._body = body_of(size)
        self._numbers, self._ages, self._cpu = [], [], None
        self._damaged = 0
        self._came = False

    def add(self, data):
        now = time.monotonic_ns()
        stamp, number, first, last = HEADER.unpack_from(data)
        if not self._came:
            self._came = True
            report("ready")
        if not first or number < first or number > last:
            return
        if self._cpu is None:
            self._cpu = time.process_time_ns()
        self._numbers.append(number - first)
        self._ages.append(now - stamp)
        self._damaged += data[HEADER.size :] != self._body
        if number == last:
            cpu = (time.process_time_ns() - self._cpu) / 1000 / max(1, last - first)
            report("measured", numbers=self._numbers, ages=microseconds(self._ages), damaged=self._damaged, cpu=cpu)


def read(system, directory, size, port):
    arrivals = Arrivals(size)
    pipeline = Gst.parse_launch(
        SOURCES[system].format(dir=directory, port=port) + " ! fakesink name=out signal-handoffs=true sync=false"
    )
    pipeline.get_by_name("out").connect(
        "handoff", lambda _, buffer, __: arrivals.add(buffer.extract_dup(0, buffer.get_size()))
    )
    pipeline.set_state(Gst.State.PLAYING)
    sys.stdin.read()


def main():
    Gst.init(None)
    role, system, directory, size, last = sys.argv[1:]
    if role == "read":
        read(system, directory, int(size), int(last))
    else:
        stream = Stream(int(size), int(last))
        if system == "floor":
            publish_nowhere(stream)
        elif system == "rtsp":
            publish_rtsp(stream)
        else:
            publish(system, directory, stream)
    sys.stdout.flush()
    os._exit(0)  # A socket source whose publisher has gone may take its time to stop.


if __name__ == "__main__":
    main()
