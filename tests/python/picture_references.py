# SPDX-License-Identifier: LGPL-2.1-or-later
"""What GStreamer and FFmpeg make of a picture, for tests to compare with; and pictures to compare."""

import contextlib

import av
import cuframes
import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402

#: FFmpeg's name of GStreamer's format, where both lay out the planes alike.
FFMPEG_NAMES = {
    "NV12": "nv12",
    "NV21": "nv21",
    "NV16": "nv16",
    "NV24": "nv24",
    "I420": "yuv420p",
    "A420": "yuva420p",
    "Y42B": "yuv422p",
    "Y444": "yuv444p",
    "YUY2": "yuyv422",
    "UYVY": "uyvy422",
    "P010_10LE": "p010le",
    "P016_LE": "p016le",
    "I420_10LE": "yuv420p10le",
    "I420_12LE": "yuv420p12le",
    "I422_10LE": "yuv422p10le",
    "Y444_12LE": "yuv444p12le",
    "Y444_16LE": "yuv444p16le",
}
#: Of RGB and grey, which no matrix concerns.
FFMPEG_PLAIN_NAMES = {"GRAY8": "gray", "GBR": "gbrp", "GBR_10LE": "gbrp10le", "BGRx": "bgr0", "RGB16": "rgb565le"}


def smooth(width, height):
    """Waves of colour."""
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [
        128 + 100 * numpy.sin(x / 17 + y / 31),
        128 + 90 * numpy.sin(x / 23 - y / 13 + 1),
        128 + 95 * numpy.cos(x / 29 + y / 19),
    ]
    return numpy.stack(waves, 2).astype(numpy.uint8)


def sharp(width, height):
    """Noise: every pixel another colour, to the corners of what there is."""
    return numpy.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=numpy.uint8)


class Converter:
    """videoconvert in a pipeline of its own."""

    def __init__(self, caps_in, caps_out):
        self._pipeline = Gst.parse_launch(
            "appsrc name=source format=time ! videoconvert dither=none ! capsfilter name=filter "
            "! appsink name=sink sync=false"
        )
        self._source, self._sink = (self._pipeline.get_by_name(name) for name in ("source", "sink"))
        self._source.set_property("caps", Gst.Caps.from_string(caps_in))
        self._pipeline.get_by_name("filter").set_property("caps", Gst.Caps.from_string(caps_out))
        self._pipeline.set_state(Gst.State.PLAYING)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._pipeline.set_state(Gst.State.NULL)

    def __call__(self, data):
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = 0
        self._source.emit("push-buffer", buffer)
        sample = self._sink.emit("try-pull-sample", 60 * Gst.SECOND)
        assert sample is not None, self._pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR).parse_error()
        return sample


def known(format):
    """Whether the GStreamer here knows it."""
    return GstVideo.VideoFormat.from_string(str(format)) != GstVideo.VideoFormat.UNKNOWN


def caps_text(format, width, height, extra=""):
    return f"video/x-raw, format={format}, width={width}, height={height}, framerate=1/1{extra}"


def data_of(sample):
    buffer = sample.get_buffer()
    return buffer.extract_dup(0, buffer.get_size())


def sample_of(format, rgb, extra=""):
    """A picture in a format, by videoconvert."""
    height, width = rgb.shape[:2]
    rows = numpy.zeros((height, -(-width * 3 // 4) * 4), numpy.uint8)
    rows[:, : 3 * width] = rgb.reshape(height, -1)
    with Converter(caps_text("RGB", width, height), f"video/x-raw, format={format}{extra}") as convert:
        return convert(rows.tobytes())


def with_caps(sample, caps):
    """The same pixels, of which others are told."""
    return Gst.Sample.new(sample.get_buffer(), Gst.Caps.from_string(caps), None, None)


@contextlib.contextmanager
def shared(sample, key):
    """The sample, published by a pipeline."""
    pipeline = Gst.parse_launch("appsrc name=source format=time ! cuframessink name=sink sync=false")
    source = pipeline.get_by_name("source")
    pipeline.get_by_name("sink").set_property("key", key)
    source.set_property("caps", sample.get_caps())
    buffer = Gst.Buffer.new_wrapped(data_of(sample))
    buffer.pts = 0
    pipeline.set_state(Gst.State.PLAYING)
    source.emit("push-buffer", buffer)
    yield
    pipeline.set_state(Gst.State.NULL)


def by_videoconvert(sample):
    """R'G'B' in 0..255, of floats, by videoconvert's arithmetic of 16 bits.

    That of 8 bits is no measure: it makes 253 of white, and of other levels up to 3 too little. And where it brings 8 bits
    to 16 itself it repeats them, so that black is 4112 and not the 4096 that it takes for black. So of 8 bits it spreads
    the chroma alone, and the result is handed to it again as numbers of 16 bits, which is the second half of this.
    """
    caps = sample.get_caps()
    info = GstVideo.VideoInfo.new_from_caps(caps)
    width, height = info.width, info.height
    caps_in, data = caps.to_string(), data_of(sample)
    if info.finfo.flags & GstVideo.VideoFormatFlags.YUV and info.finfo.bits == 8:
        colorimetry = info.colorimetry.to_string()
        # v308 is 4:4:4 in a layout for which videoconvert has no short cut: those do not interpolate.
        with Converter(caps_in, f"video/x-raw, format=v308, colorimetry={colorimetry}") as convert:
            spread = numpy.frombuffer(data_of(convert(data)), numpy.uint8).reshape(height, -1)
        data = _as_16_bits([spread[:, channel : 3 * width : 3] for channel in range(3)])
        caps_in = caps_text("Y444_16LE", width, height, f", colorimetry={colorimetry}")
    with Converter(caps_in, "video/x-raw, format=RGBA64_LE, colorimetry=sRGB") as convert:
        found = numpy.frombuffer(data_of(convert(data)), "<u2")
    return found.reshape(height, width, 4)[..., :3] / 257


def _as_16_bits(planes):
    height, width = planes[0].shape
    info = GstVideo.VideoInfo.new()
    info.set_format(GstVideo.VideoFormat.from_string("Y444_16LE"), width, height)
    data = numpy.zeros(info.size // 2, numpy.uint16)
    for index, plane in enumerate(planes):
        start, step = info.offset[index] // 2, info.stride[index] // 2
        data[start : start + step * height].reshape(height, step)[:, :width] = plane.astype(numpy.uint16) << 8
    return data.tobytes()


def by_swscale(frame, name, matrix="bt709", full_range=False, site=(0, 0), to="rgb24"):
    """The picture of a host frame by swscale at its most accurate. site: of chroma, in 1/256 of a luma pixel."""
    video = av.VideoFrame(frame.width, frame.height, name)
    for theirs, ours in zip(video.planes, frame.planes):
        rows = numpy.frombuffer(theirs, numpy.uint8).reshape(-1, theirs.line_size)
        bytes_of = numpy.asarray(ours.bytes)
        rows[: bytes_of.shape[0], : bytes_of.shape[1]] = bytes_of
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=name, time_base="1/1")
    scale = graph.add(
        "scale",
        "flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp:"
        f"in_color_matrix={matrix}:in_range={'pc' if full_range else 'tv'}:"
        f"in_h_chr_pos={site[0]}:in_v_chr_pos={site[1]}",
    )
    chosen, sink = graph.add("format", to), graph.add("buffersink")
    source.link_to(scale)
    scale.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    graph.push(video)
    return graph.pull().to_ndarray()


def formats():
    return [str(format) for format in cuframes.PixelFormat if known(format)]
