# SPDX-License-Identifier: LGPL-2.1-or-later
"""What else send() takes: pictures in whatever order they lie, of PyAV and of Pillow, and frames with all they say."""

import re
import time
import types
from fractions import Fraction

import capsule
import cuframes
import numpy
import pytest
from cuframes._ffmpeg import FORMATS
from processes import SECONDS

MILLISECONDS = int(SECONDS * 1000)
WIDE = (numpy.arange(96 * 134 * 4) % 251).astype(numpy.uint8).reshape(96, 134, 4)
RGB = WIDE[:48, :67, :3].copy()
GRAY16 = (WIDE[:48, :67, 0].astype(numpy.uint16) << 8) + WIDE[:48, :67, 1]
NV12 = (WIDE[:48, :66, 0].copy(), WIDE[:24, :33, :2].copy())
PLANES = WIDE[:48, :66, :3].transpose(2, 0, 1).copy()


@pytest.fixture
def pair(key, memory, cleanup):
    """A publisher that was told nothing, and its reader."""
    publisher = cuframes.publish(key, memory=memory)
    subscriber = cuframes.Subscriber(key, mode=cuframes.SubscriberMode.STRICT_ORDER)
    cleanup += [publisher, subscriber]
    return publisher, subscriber.connect(MILLISECONDS)


def arrived(subscriber):
    """The next frame, in memory of this process's own."""
    with subscriber.next_frame(MILLISECONDS) as frame:
        return frame.copy(device="cpu")


def planes_of(frame):
    return [numpy.asarray(plane) for plane in frame.planes]


# Each as it is given, and as it is meant.
ORDERS = {
    "upside down": (RGB[::-1], RGB[::-1]),
    "mirrored": (RGB[:, ::-1], RGB[:, ::-1]),
    "channels exchanged": (RGB[..., ::-1], RGB[..., ::-1]),
    "all three": (RGB[::-1, ::-1, ::-1], RGB[::-1, ::-1, ::-1]),
    "every second pixel": (WIDE[::2, ::2, :3], WIDE[::2, ::2, :3]),
    "turned": (RGB.transpose(1, 0, 2), RGB.transpose(1, 0, 2)),
    "columns first in memory": (numpy.asfortranarray(RGB), RGB),
    "channels first": (RGB.transpose(2, 0, 1).copy(), RGB),
    "channels first, as a view": (RGB.transpose(2, 0, 1), RGB),
    "one colour": (numpy.broadcast_to(numpy.uint8([9, 8, 7]), (48, 67, 3)), numpy.full((48, 67, 3), [9, 8, 7])),
    "with alpha, channels first": (WIDE.transpose(2, 0, 1).copy(), WIDE),
    "gray, mirrored": (RGB[:, ::-1, 0], RGB[:, ::-1, 0]),
    "gray of 16 bits, turned": (GRAY16.T, GRAY16.T),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("again", [False, True])
def test_pictures_in_any_order(pair, publish, key, order, again):
    """A picture is what it is, however its elements lie: as NumPy copies it; into a ring that is there, too."""
    publisher, subscriber = pair
    given, meant = ORDERS[order]
    if again:
        publisher.send(numpy.ascontiguousarray(meant, meant.dtype if meant.dtype != int else numpy.uint8))
        arrived(subscriber)
    assert publisher.send(given)
    frame = arrived(subscriber)
    assert (frame.height, frame.width) == meant.shape[:2]
    assert (planes_of(frame)[0] == meant).all()


SEVERAL = {
    "NV12 mirrored": ([NV12[0][:, ::-1], NV12[1][:, ::-1]], "NV12", [NV12[0][:, ::-1], NV12[1][:, ::-1]]),
    "NV12 with one plane in order": ([NV12[0], NV12[1][::-1]], "NV12", [NV12[0], NV12[1][::-1]]),
    "NV12 with flat chroma": ([NV12[0], NV12[1].reshape(24, 66)[:, ::-1]], "NV12", [NV12[0], NV12[1][:, ::-1, ::-1]]),
    "NV12 in one block": (
        numpy.vstack([NV12[0], NV12[1].reshape(24, 66)]).copy("F"),
        "NV12",
        list(NV12),
    ),
    "Y444 as planes": (PLANES, "Y444", list(PLANES)),
    "GBR as planes, mirrored": (PLANES[:, :, ::-1], "gbrp", list(PLANES[:, :, ::-1])),
    "RGBP as planes": (PLANES.astype(numpy.uint8), "RGBP", list(PLANES)),
    "I420 with strides": (
        [WIDE[::2, ::2, 0], WIDE[:48:2, :134:4, 1][:, :34], WIDE[:48:2, :134:4, 2][:, :34]],
        "yuv420p",
        [WIDE[::2, ::2, 0], WIDE[:48:2, :134:4, 1][:, :34], WIDE[:48:2, :134:4, 2][:, :34]],
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_planes_in_any_order(pair, case):
    """So for each plane of several, and for all of them in one tensor."""
    publisher, subscriber = pair
    tensors, format, meant = SEVERAL[case]
    assert publisher.send(tensors, format=format)
    seen = planes_of(arrived(subscriber))
    assert len(seen) == len(meant)
    for mine, theirs in zip(meant, seen):
        assert (mine == theirs).all()


def test_a_format_stays_in_any_order(pair):
    """What was said of a picture holds for the same one with its channels first."""
    publisher, subscriber = pair
    publisher.send(RGB, format="bgr24")
    publisher.send(RGB.transpose(2, 0, 1))
    publisher.send(RGB[:, ::-1])
    frames = [arrived(subscriber) for _ in range(3)]
    assert {str(frame.format) for frame in frames} == {"BGR"}
    assert len({frame.epoch for frame in frames}) == 1


def test_torch_pictures_with_channels_first(pair, need):
    """torch's order, (3, H, W), as it comes out of a model, and its views."""
    need("torch")
    import torch

    publisher, subscriber = pair
    tensor = torch.from_numpy(RGB.transpose(2, 0, 1).copy())
    for given in (tensor, tensor.permute(1, 2, 0), tensor.flip(2)):
        publisher.send(given)
    seen = [planes_of(arrived(subscriber))[0] for _ in range(3)]
    assert (seen[0] == RGB).all() and (seen[1] == RGB).all() and (seen[2] == RGB[:, ::-1]).all()
    with pytest.raises(TypeError, match=r"float32.*\(x \* 255\).to\(torch.uint8\)"):
        publisher.send(tensor.float() / 255)


class OnGpu(capsule.Producer):
    """A tensor on a GPU whose elements lie as its library has it: which can put them into rows."""

    def __init__(self, plane, shape, strides):
        memory = types.SimpleNamespace(data=plane.data_ptr)
        array = types.SimpleNamespace(ctypes=memory, itemsize=1, shape=shape)
        super().__init__(array, versioned=True, device=(capsule.CUDA, 0), shape=shape, strides=strides)
        self.plane, self.calls = plane, []

    def permute(self, *order):
        self.calls.append(order)
        return self

    def contiguous(self):
        self.calls.append("contiguous")
        return self.plane


def test_a_gpu_tensor_is_put_into_rows_by_its_library(pair, memory):
    """The driver copies rows: of a tensor with others its own `contiguous()` makes some, and of one that has rows nobody
    does."""
    if memory != "cuda":
        pytest.skip("in GPU memory")
    publisher, subscriber = pair
    publisher.send(RGB)
    with subscriber.next_frame(MILLISECONDS) as frame:
        plane = frame.pack().planes[0]
    mirrored = OnGpu(plane, (48, 67, 3), (67 * 3, -3, 1))
    first = OnGpu(plane, (3, 48, 67), (1, 67 * 3, 3))
    in_rows = OnGpu(plane, (48, 67, 3), (67 * 3, 3, 1))
    for tensor, calls in ((mirrored, ["contiguous"]), (first, [(1, 2, 0), "contiguous"]), (in_rows, [])):
        publisher.send(tensor)
        assert tensor.calls == calls
        frame = arrived(subscriber)
        assert frame.format == "RGB" and (planes_of(frame)[0] == RGB).all()


# ------------------------------------------------------------------------------------------------------ formats' names


@pytest.mark.parametrize("name", FORMATS)
def test_names_of_ffmpeg_are_those_of_gstreamer(need, name):
    """Each name of FFmpeg's has the same planes as GStreamer's name for it."""
    need("av")
    import av
    from cuframes import _native

    frame = av.VideoFrame(64, 32, name)
    layout = _native.format_layout(FORMATS[name], 64, 32)
    bits = av.VideoFormat(name, 64, 32).bits_per_pixel
    size = _native.format_itemsize(FORMATS[name])
    assert len(frame.planes) == len(layout)
    assert [plane.height for plane in frame.planes] == [rows for *_, rows in layout]
    # What pads each component to whole bytes is not counted in bits.
    stored = sum(row_bytes * rows for _, _, row_bytes, rows in layout)
    deep = max(component.bits for component in frame.format.components)
    padding = (8 * size / deep) if size > 1 and deep > 8 else 1
    assert stored * 8 / (64 * 32) == pytest.approx(bits * padding, rel=0.34)
    assert all(plane.line_size >= row_bytes for plane, (_, _, row_bytes, _) in zip(frame.planes, layout))


@pytest.mark.parametrize("name", [name for name, known in FORMATS.items() if set(known) <= set("RGBAx")])
def test_names_of_rgb_have_their_order(need, name):
    """Red, green and blue are where GStreamer's name says: "BGRx" begins with blue."""
    need("av")
    import av

    colours = {"R": 10, "G": 100, "B": 200, "A": 255}
    picture = numpy.full((32, 64, 3), [10, 100, 200], numpy.uint8)
    made = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=name)
    pixel = bytes(made.planes[-1])[:4] if len(made.planes) == 1 else bytes(bytes(plane)[0] for plane in made.planes)
    for letter, byte in zip(FORMATS[name], pixel):
        assert letter == "x" or byte == colours[letter]


def test_names_are_taken_wherever_formats_are(publish, subscribe, key):
    """publish(), configure() and send() take FFmpeg's names; frames have GStreamer's."""
    publisher = publish(format="bgr24", width=67, height=48)
    subscriber = subscribe()
    publisher.send(RGB, format="bgr24")
    with subscriber.next_frame(MILLISECONDS) as frame:
        assert frame.format == "BGR"
    publisher.configure("gray", 67, 48, memory=frame.memory)
    publisher.send(RGB[:, :, 0], format="GRAY8")
    with subscriber.next_frame(MILLISECONDS) as frame:
        assert frame.format == "GRAY8"


# ------------------------------------------------------------------------------------------------------ Pillow


@pytest.mark.parametrize("mode, format", [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "GRAY8"), ("I;16", "GRAY16_LE")])
def test_pillow_images(pair, need, mode, format):
    """An image of Pillow's is published in the format that its mode is."""
    need("PIL")
    import PIL.Image

    publisher, subscriber = pair
    arrays = {"RGB": RGB, "RGBA": WIDE[:48, :67], "L": RGB[:, :, 0], "I;16": GRAY16}
    image = PIL.Image.fromarray(numpy.ascontiguousarray(arrays[mode]))
    assert image.mode == mode
    publisher.send(image)
    frame = arrived(subscriber)
    assert frame.format == format and (planes_of(frame)[0] == arrays[mode]).all()


def test_pillow_images_of_other_modes(pair, need):
    """Others are an error that says into what they are to be converted; and so is another format than the image's."""
    need("PIL")
    import PIL.Image

    image = PIL.Image.fromarray(RGB)
    for mode, meant in (("P", "RGB"), ("CMYK", "RGB"), ("1", "RGB"), ("F", "RGB"), ("LA", "RGBA"), ("YCbCr", "RGB")):
        with pytest.raises(TypeError, match=rf'mode {mode} .*convert\("{meant}"\)'):
            pair[0].send(image.convert(mode))
    with pytest.raises(cuframes.InvalidArgument, match="RGB.*BGR"):
        pair[0].send(image, format="BGR")


# ------------------------------------------------------------------------------------------------------ PyAV


@pytest.fixture
def video(need):
    """Makes a picture of PyAV's, of noise that swscale has converted."""
    need("av")
    import av

    def make(name, width=66, height=48):
        picture = (numpy.arange(width * height * 3) * 7 % 253).astype(numpy.uint8).reshape(height, width, 3)
        return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=name)

    return make


@pytest.mark.parametrize(
    "name",
    ["yuv420p", "nv12", "rgb24", "bgr24", "bgra", "gray", "gray16le", "yuv422p10le", "p010le", "yuyv422", "gbrp"],
)
@pytest.mark.parametrize("size", [(66, 48), (35, 21)])
def test_pictures_of_pyav(pair, video, name, size):
    """A frame of PyAV's is published in its own format and size, all of its bytes; odd sizes too."""
    publisher, subscriber = pair
    given = video(name, *size)
    publisher.send(given)
    frame = arrived(subscriber)
    assert frame.format == FORMATS[name] and (frame.width, frame.height) == size
    for mine, theirs in zip(given.planes, frame.planes, strict=True):
        rows = numpy.frombuffer(mine, numpy.uint8).reshape(-1, mine.line_size)
        assert (rows[: theirs.rows, : theirs.row_bytes] == numpy.asarray(theirs.bytes)).all()


def test_pictures_of_pyav_bottom_up(pair, video):
    """What a filter turned by negative line sizes arrives as it looks."""
    import av

    publisher, subscriber = pair
    given = video("rgb24")
    graph = av.filter.Graph()
    source = graph.add_buffer(width=66, height=48, format="rgb24", time_base=Fraction(1, 25))
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip), flip.link_to(sink)
    graph.configure()
    given.pts, given.time_base = 0, Fraction(1, 25)
    graph.push(given)
    turned = graph.pull()
    assert turned.planes[0].line_size < 0
    publisher.send(turned)
    assert (planes_of(arrived(subscriber))[0] == given.to_ndarray()[::-1]).all()


def test_pictures_of_pyav_in_other_formats(pair, video):
    """A format that no tensor has is an error that says to convert; and so is another format than the frame's."""
    import av

    with pytest.raises(TypeError, match=r'pal8.*reformat\(format="nv12"\)'):
        pair[0].send(av.VideoFrame(64, 48, "pal8"))
    with pytest.raises(cuframes.InvalidArgument, match="RGB.*BGR"):
        pair[0].send(video("rgb24"), format="BGR")


MEANINGS = [
    ("yuv420p", {"colorspace": 5, "color_range": 1, "color_trc": 6, "color_primaries": 6}, "bt601"),
    ("yuv420p", {"colorspace": 1, "color_range": 1, "color_trc": 1, "color_primaries": 1}, "bt709"),
    ("yuv420p10le", {"colorspace": 9, "color_range": 1, "color_trc": 16, "color_primaries": 9}, "bt2100-pq"),
    ("yuv422p", {"colorspace": 5, "color_range": 2}, "1:4:0:0"),
    ("yuv420p", {"colorspace": 1}, "2:3:0:0"),
    ("yuvj420p", {}, "1:4:0:0"),
    ("yuv420p", {}, None),
    ("rgb24", {}, None),
]


@pytest.mark.parametrize("name, said, meant", MEANINGS)
def test_colours_of_pyav_mean_the_same(pair, video, name, said, meant):
    """Matrix, range and the rest of what PyAV knows are in the caps, as GStreamer says them; what is unknown is not."""
    publisher, subscriber = pair
    given = video(name)
    if name != "yuvj420p":
        given.color_range = 0
    given.colorspace = 2
    for attribute, value in said.items():
        setattr(given, attribute, value)
    publisher.send(given)
    caps = arrived(subscriber).caps
    found = re.search(r"colorimetry=\(string\)([\w:-]+)", caps)
    assert (found and found[1]) == meant, caps


def test_times_of_pyav(pair, video):
    """Steps of a file are kept, from the moment on at which it began; times of this machine's clock stay what they are;
    what goes back begins anew; what was said goes before."""
    publisher, subscriber = pair
    given = video("gray")
    given.time_base = Fraction(1, 90_000)
    before = time.monotonic_ns()
    far = int(before / 1e9 + 3600) * 90_000  # An hour from now, by this machine's clock.
    for ticks in (far, far + 3000, far + 6000, 3000):
        given.pts = ticks
        given.duration = 3000
        publisher.send(given)
    after = time.monotonic_ns()
    times = [arrived(subscriber) for _ in range(4)]
    first, second, third, anew = (frame.pts for frame in times)
    assert before <= first <= after and before <= anew <= after
    assert abs(second - first - 33_333_333) <= 1 and abs(third - second - 33_333_333) <= 1
    assert {frame.duration for frame in times} == {33_333_333}
    captured = time.monotonic_ns() - 40_000_000
    given.time_base, given.pts, given.duration = Fraction(1, 1_000_000_000), captured, 0
    publisher.send(given)
    publisher.send(given, pts=77, duration=5)
    given.pts = None
    publisher.send(given)
    kept, said, now = (arrived(subscriber) for _ in range(3))
    assert kept.pts == captured and kept.duration is None
    assert (said.pts, said.duration) == (77, 5)
    assert after <= now.pts <= time.monotonic_ns()


# ------------------------------------------------------------------------------------------------------ frames


def test_a_frame_brings_all_it_says(pair, key, memory, cleanup):
    """Format, caps, times, flags and metadata of a frame are those of the frame that it becomes; of a copy, too."""
    caps = "video/x-raw, format=(string)NV12, width=(int)66, height=(int)48, framerate=(fraction)25/1, "
    caps += "colorimetry=(string)bt601"
    if memory == "cuda":
        caps = caps.replace("video/x-raw", "video/x-raw(memory:CUDAMemory)")
    original = cuframes.publish(key + "-original", format="NV12", width=66, height=48, memory=memory, caps=caps)
    reader = cuframes.Subscriber(key + "-original")
    cleanup += [original, reader]
    with original.acquire() as slot:
        slot.pts, slot.dts, slot.duration, slot.flags, slot.metadata = 1234, 1200, 40, 64, b"what else"
    publisher, subscriber = pair
    with reader.next_frame(MILLISECONDS) as frame:
        assert frame.caps == caps
        publisher.send(frame)
        publisher.send(frame.copy())
        first, second = arrived(subscriber), arrived(subscriber)
    for one in (first, second):
        assert (one.caps, one.format) == (caps, "NV12")
        assert (one.pts, one.dts, one.duration, one.flags, one.metadata) == (1234, 1200, 40, 64, b"what else")
    assert first.epoch == second.epoch


def test_caps_of_a_frame_say_where_its_copy_is(key, memory, cleanup):
    """Sent into a ring elsewhere, or at a rate that its publisher says, its caps say that; given caps stay."""
    caps = (
        "video/x-raw(memory:CUDAMemory), format=(string)GRAY8, width=(int)67, height=(int)48, framerate=(fraction)25/1"
    )
    original = cuframes.publish(key, format="GRAY8", width=67, height=48, memory="host", caps=caps)
    reader = cuframes.Subscriber(key)
    cleanup += [original, reader]
    with original.acquire():
        pass
    with reader.next_frame(MILLISECONDS) as frame:
        for options, expected in (
            ({}, caps.replace("(memory:CUDAMemory)", "")),
            ({"framerate": 50}, caps.replace("(memory:CUDAMemory)", "").replace("25/1", "50/1")),
            ({"caps": "video/x-raw, mine=(int)1"}, "video/x-raw, mine=(int)1"),
        ):
            with (
                cuframes.publish(key + "-other", memory="host", **options) as other,
                cuframes.Subscriber(key + "-other") as theirs,
            ):
                other.send(frame)
                assert arrived(theirs).caps == expected


def test_frames_of_other_colours_start_another_ring(pair, video):
    """Caps belong to a ring: pictures whose colours mean something else go into the next one, tensors into the same."""
    publisher, subscriber = pair
    given = video("yuv420p")
    given.color_range, given.colorspace = 1, 1
    publisher.send(given)
    publisher.send(given)
    publisher.send([numpy.asarray(plane) for plane in cuframes_planes(given)], format="I420")
    given.colorspace = 5
    publisher.send(given)
    frames = [arrived(subscriber) for _ in range(4)]
    assert frames[0].epoch == frames[1].epoch == frames[2].epoch != frames[3].epoch


def cuframes_planes(given):
    return [
        numpy.frombuffer(plane, numpy.uint8).reshape(-1, plane.line_size)[:, : plane.width] for plane in given.planes
    ]
