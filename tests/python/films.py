# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small films and pieces of sound, made with PyAV's encoders."""

import io

import numpy

RATE = 25
SIZE = (160, 96)
KEYFRAMES = {"sc_threshold": "0"}  # Where they are asked for alone.


def picture(number, width, height):
    """A picture that no other number has: a bar that moves over a ground that grows lighter."""
    luma = numpy.full((height, width), 40 + number % 150, "u1")
    left = 7 * number % width
    luma[:, left : left + 9] = 220
    return numpy.vstack([luma, numpy.full((height // 2, width), 128, "u1")])


def video(av, codec, container, count=30, gop=10, options=None, size=SIZE):
    """A file in memory."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE, options={**KEYFRAMES, **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="yuv420p").reformat(format=stream.pix_fmt)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    file.seek(0)
    return file


def tone(av, output, codec, seconds, rate=48000):
    """Sound for a file."""
    stream = output.add_stream(codec, rate=rate, layout="stereo" if rate > 8000 else "mono")
    context = stream.codec_context
    step = context.frame_size or 960
    channels = len(context.layout.channels)
    for start in range(0, int(seconds * rate), step):
        wave = numpy.sin(numpy.arange(start, start + step) * 2 * numpy.pi * 440 / rate) * 0.5
        planes = numpy.tile(wave, (channels, 1))
        whole = (planes * 32767).astype("i2").T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(numpy.ascontiguousarray(whole), format="s16", layout=context.layout.name)
        frame.sample_rate, frame.pts = rate, start
        resampler = av.AudioResampler(format=context.format.name, layout=context.layout.name, rate=rate)
        for one in resampler.resample(frame):
            one.pts = start
            output.mux(stream.encode(one))
    output.mux(stream.encode(None))


def sound(av, codec, container, seconds=1, rate=48000):
    """A file in memory."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        tone(av, output, codec, seconds, rate)
    file.seek(0)
    return file


def packets_of(av, file, index=0):
    """What a demuxer finds in it."""
    file.seek(0)
    with av.open(file) as source:
        return [packet for packet in source.demux(source.streams[index]) if packet.size]
