# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera's packets, with the past that its log would have: made once with PyAV's encoders, published as time goes by."""

import io
import threading
import time
from fractions import Fraction

import cuframes
import numpy

SECOND = 1_000_000_000
RATE = 25
SIZE = (160, 96)


def level(number):
    """How bright the picture of this number is."""
    return 40 + 2 * (number % 80)


def video(count, gop):
    """(caps, [(bytes, keyframe)]) of so many pictures."""
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *SIZE, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.gop_size = gop
    encoder.options = {"tune": "zerolatency", "preset": "ultrafast", "sc_threshold": "0", "qp": "12"}
    encoder.open()
    made = []
    for number in range(count):
        picture = numpy.full((SIZE[1] * 3 // 2, SIZE[0]), 128, "u1")
        picture[: SIZE[1]] = level(number)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        made += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    return cuframes.packets.caps_of(encoder), made


def sound(seconds):
    """The same of sound."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("libopus", rate=48000, layout="mono")
        for number in range(int(seconds * 50)):
            frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 960), "i2"), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, number * 960
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as source:
        caps = cuframes.packets.caps_of(source.streams[0])
        # Each with a number of its own, so that it is known again.
        return caps, [(bytes(packet), True) for packet in source.demux() if packet.size]


def units(packet):
    """What is in a packet of H.264, whether it is of a stream, with start codes, or of a file, with sizes."""
    if packet.startswith((b"\0\0\1", b"\0\0\0\1")):
        return [unit.rstrip(b"\0") for unit in packet.split(b"\0\0\1")[1:]]
    found = []
    while len(packet) > 4 and int.from_bytes(packet[:4], "big") <= len(packet) - 4:
        size = int.from_bytes(packet[:4], "big")
        found.append(packet[4 : 4 + size])
        packet = packet[4 + size :]
    return found or [packet]


class Camera:
    """Publishes packets `step` nanoseconds apart, the first `past` of them at once, with times that end now."""

    def __init__(self, key, caps, packets, step, past, start=None):
        self.publisher = cuframes.publish_packets(key, caps, max_time=60)
        self.start = time.monotonic_ns() - past * step if start is None else start
        self.step, self._packets, self._past = step, packets, past
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        for number in range(past):
            self._send(number)
        self._thread.start()

    def time_of(self, number):
        return self.start + number * self.step

    def number_at(self, when):
        """The number of the packet of this time."""
        return round((when - self.start) / self.step)

    def bytes_of(self, number):
        return self._packets[number][0]

    def number_of(self, body):
        """The number of the packet with these units."""
        return next(number for number, (data, _) in enumerate(self._packets) if units(data) == units(body))

    def is_keyframe(self, number):
        return self._packets[number][1]

    def _send(self, number):
        data, keyframe = self._packets[number]
        when = self.time_of(number)
        self.publisher.send(data, pts=when, dts=when, duration=self.step, keyframe=keyframe)

    def _run(self):
        for number in range(self._past, len(self._packets)):
            if self._stop.wait(max(0, self.time_of(number) - time.monotonic_ns()) / SECOND):
                return
            self._send(number)

    def close(self):
        """Ends the stream."""
        self._stop.set()
        self._thread.join()
        self.publisher.eos()
        self.publisher.close()
