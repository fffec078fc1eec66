# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures of frames, as people of OpenCV, PyAV, Pillow, notebooks and torch want them. That their colours are right is for
test_pixels_accuracy.py; here are shapes, kinds of numbers, memory, sizes, files and errors."""

import io
import sys

import cuframes
import numpy
import pictures
import pytest

RED = (255, 0, 0)
# Y, U, V of limited range.
RED_601, RED_709 = (81, 90, 240), (63, 102, 240)


@pytest.fixture
def filled(publish, subscribe):
    """A frame of one colour, given as what each plane holds."""

    def make(format, planes, width=66, height=47, **options):
        publisher = publish(format=format, width=width, height=height, **options)
        subscriber = subscribe(key=options["key"]) if "key" in options else subscribe()
        with publisher.acquire() as slot:
            for plane, value in zip(slot.planes, planes):
                pictures.pixels(plane)[...] = value
        return subscriber.next_frame(timeout_ms=10000)

    return make


@pytest.fixture
def drawn(publish, subscribe):
    """A frame full of noise."""

    def make(format="NV12", width=66, height=47):
        publisher = publish(format=format, width=width, height=height)
        subscriber = subscribe()
        with publisher.acquire() as slot:
            pictures.draw(slot, 1)
        return subscriber.next_frame(timeout_ms=10000)

    return make


@pytest.fixture
def torch(need):
    torch = need("torch")
    # Threads that wait for each other by spinning take minutes where others need the cores too.
    torch.set_num_threads(1)
    return torch


def near(found, expected, by=1):
    return numpy.abs(numpy.asarray(found).astype(int) - numpy.asarray(expected).astype(int)).max() <= by


def test_red_is_red_in_sd_and_in_hd(filled):
    """By what GStreamer takes where caps say nothing: BT.601 up to 576 rows, BT.709 above."""
    sd = filled("NV12", [RED_601[0], RED_601[1:]], 720, 576, key="sd").to_ndarray()
    hd = filled("NV12", [RED_709[0], RED_709[1:]], 1280, 720, key="hd").to_ndarray()
    assert near(sd, numpy.full((576, 720, 3), RED)) and near(hd, numpy.full((720, 1280, 3), RED))


def test_caps_say_which_red_it_is(filled):
    caps = "video/x-raw, format=NV12, width=64, height=48, framerate=0/1, colorimetry=bt709"
    frame = filled("NV12", [RED_709[0], RED_709[1:]], 64, 48, caps=caps)
    assert near(frame.to_ndarray(), numpy.full((48, 64, 3), RED))


@pytest.mark.parametrize(
    ("name", "channels", "dtype"),
    [
        ("rgb24", "RGB", "uint8"),
        ("bgr24", "BGR", "uint8"),
        ("rgba", "RGBA", "uint8"),
        ("bgra", "BGRA", "uint8"),
        ("argb", "ARGB", "uint8"),
        ("abgr", "ABGR", "uint8"),
        ("rgb48", "RGB", "uint16"),
        ("bgr48", "BGR", "uint16"),
        ("rgba64", "RGBA", "uint16"),
        ("bgra64", "BGRA", "uint16"),
        ("RGB", "RGB", "uint8"),
        ("rgb48le", "RGB", "uint16"),
    ],
)
def test_arrays_have_the_channels_in_the_order_of_their_name(filled, name, channels, dtype):
    """And are contiguous, as OpenCV, Pillow and matplotlib want them."""
    for format in ("BGR", "NV12"):
        value = (50, 100, 200) if format == "BGR" else None
        frame = filled(format, [value] if value else [RED_601[0], RED_601[1:]], key=f"{name}-{format}")
        found = frame.to_ndarray(name)
        assert found.shape == (47, 66, len(channels)) and found.dtype == dtype and found.flags.c_contiguous
        most = 255 if dtype == "uint8" else 65535
        colour = dict(zip("RGBA", [*(value[::-1] if value else RED), 255]))
        expected = [colour[letter] * most // 255 for letter in channels]
        assert near(found, numpy.broadcast_to(expected, found.shape), by=most // 255)


@pytest.mark.parametrize("name", ["gray", "gray8", "gray16"])
def test_grey_is_the_luma_in_full_range(filled, name):
    most = 255 if name != "gray16" else 65535
    black, white = (filled("NV12", [level, 128], key=f"k{level}").to_ndarray(name) for level in (16, 235))
    assert black.shape == (47, 66) and black.flags.c_contiguous
    assert (black == 0).all() and (white == most).all()
    green = filled("RGB", [(0, 255, 0)], key="green").to_ndarray(name)
    assert near(green, numpy.full((47, 66), 0.587 * most), by=most // 255)
    assert (filled("GRAY8", [77], key="grey").to_ndarray("gray") == 77).all()


def test_sixteen_bits_keep_what_ten_bits_have(filled):
    """rgb48 of P010 has more levels than rgb24: each of ten bits is another."""
    for level in (64, 502, 503, 940):
        found = filled("P010_10LE", [level << 6, 512 << 6], key=f"k{level}").to_ndarray("rgb48")
        assert near(found, numpy.full(found.shape, (level - 64) / 876 * 65535))


def test_alpha_is_carried_and_full_where_there_is_none(filled):
    assert (filled("RGBA", [(1, 2, 3, 77)], key="with").to_ndarray("bgra") == (3, 2, 1, 77)).all()
    assert (filled("AYUV", [(77, 16, 128, 128)], key="yuv").to_ndarray("rgba") == (0, 0, 0, 77)).all()
    assert (filled("BGRx", [(1, 2, 3, 77)], key="x").to_ndarray("rgba") == (3, 2, 1, 255)).all()
    assert (filled("NV12", [16, 128], key="none").to_ndarray("argb") == (255, 0, 0, 0)).all()


@pytest.mark.parametrize("format", ["NV12", "RGB", "GRAY8"])
def test_a_picture_is_memory_of_its_own(drawn, format):
    """It can be written, and stays as it is when the frame and everything else is gone."""
    frame = drawn(format)
    found = frame.to_ndarray("gray" if format == "GRAY8" else "rgb24")
    before = found.copy()
    planes = [pictures.pixels(plane).copy() for plane in frame.planes]
    found[...] ^= 255
    assert all((pictures.pixels(plane) == kept).all() for plane, kept in zip(frame.planes, planes))
    frame.close()
    assert (found == before ^ 255).all()
    with pytest.raises(BufferError, match="released"):
        frame.to_ndarray()


def test_a_slot_and_a_copy_have_pictures_too(publish, subscribe):
    """Of a slot what was drawn so far, in the colours of the ring's caps."""
    caps = "video/x-raw, format=NV12, width=64, height=48, framerate=0/1, colorimetry=bt709"
    publisher = publish(format="NV12", width=64, height=48, caps=caps)
    subscriber = subscribe()
    with publisher.acquire() as slot:
        pictures.pixels(slot.planes[0])[...], pictures.pixels(slot.planes[1])[...] = RED_709[0], RED_709[1:]
        assert near(slot.to_ndarray(), numpy.full((48, 64, 3), RED))
    frame = subscriber.next_frame(timeout_ms=10000)
    expected = frame.to_ndarray()
    for copy in (frame.copy(), frame.pack(), frame.copy(device="cpu")):
        assert (copy.to_ndarray() == expected).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (13, 7)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_format_has_a_picture_at_every_size(key, memory, size):
    """The quick way, and the exact one, give the same to a level, down to one pixel."""
    for format in pictures.FORMATS:
        with (
            cuframes.publish(key, format=format, width=size[0], height=size[1], memory=memory) as publisher,
            cuframes.subscribe(key) as subscriber,
        ):
            with publisher.acquire() as slot:
                pictures.draw(slot, 1)
            with subscriber.next_frame(timeout_ms=10000) as frame:
                quick, exact = frame.to_ndarray("rgb24"), frame.to_ndarray("rgb48")
        assert quick.shape == (size[1], size[0], 3)
        assert near(quick, numpy.rint(exact / 257)), format


def test_frames_of_pipelines_have_the_same_pictures_in_rings(need, host_only, key, subscribe):
    """Formats without tensors among them (v210, big endian, palettes), at a size that is odd both ways."""
    gst = need("cuframes.gst")
    references = need("picture_references")
    seen = 0
    for number, format in enumerate(references.formats()):
        if format not in cuframes._pixel_layouts.LAYOUTS:
            continue
        sample = references.sample_of(format, references.sharp(13, 7))
        expected = gst.wrap(sample).to_ndarray("rgba")
        with references.shared(sample, f"{key}-{number}"):
            subscriber = subscribe(key=f"{key}-{number}")
            assert (subscriber.next_frame(timeout_ms=60000).to_ndarray("rgba") == expected).all(), format
            subscriber.close()
        seen += 1
    assert seen > 90


def test_every_format_has_pictures_or_lies_in_tiles():
    without = {str(format) for format in cuframes.PixelFormat} - set(cuframes._pixel_layouts.LAYOUTS)
    tiled = {"NV12_10LE40_4L4", "NV12_10BE_8L128", "NV12_64Z32", "NV12_4L4", "NV12_32L32", "NV12_16L32S", "NV12_8L128"}
    assert without == tiled | {"MT2110T", "MT2110R"}


def test_what_cannot_be_read_says_so_by_name(need, host_only):
    """Tiles, and formats that a later GStreamer may bring."""
    gst, references = need("cuframes.gst"), need("picture_references")
    frame = gst.wrap(references.sample_of("NV12_4L4", references.smooth(64, 32)))
    for call in (frame.to_ndarray, frame.to_rgb, frame.to_tensor, frame.to_image):
        with pytest.raises(ValueError, match="NV12_4L4.*videoconvert"):
            call()
    assert frame._repr_png_() is None


def test_unknown_names_say_which_there_are(drawn):
    frame = drawn()
    with pytest.raises(ValueError, match='"yuv420p"; there are rgb24, bgr24.*gray16'):
        frame.to_ndarray("yuv420p")
    with pytest.raises(TypeError, match="rgb24"):
        frame.to_ndarray(24)


def test_rgb_is_where_the_frame_is(drawn, memory):
    """An array of NumPy for a frame in host memory. On a GPU it never comes down unasked: without a library that has arrays
    there the error says what to install."""
    frame = drawn()
    if memory == "host":
        assert (frame.to_rgb() == frame.to_ndarray("rgb24")).all()
    else:
        with pytest.raises(ImportError, match=r"torch.*cupy.*to_ndarray\(\)"):
            frame.to_rgb()


def test_opencv_writes_and_reads_it(drawn, need):
    """bgr24 is what cv2 takes, whose picture Pillow reads with the colours right."""
    cv2, image = need("cv2"), need("PIL.Image")
    frame = drawn("NV12", 64, 48)
    done, data = cv2.imencode(".png", frame.to_ndarray("bgr24"))
    assert done
    assert (numpy.asarray(image.open(io.BytesIO(data.tobytes()))) == frame.to_ndarray("rgb24")).all()
    assert cv2.cvtColor(frame.to_ndarray("bgr24"), cv2.COLOR_BGR2GRAY).shape == (48, 64)


def test_images_and_files(drawn, need, tmp_path):
    image = need("PIL.Image")
    frame = drawn("NV12", 64, 48)
    assert frame.to_image().mode == "RGB" and frame.to_image("gray").mode == "L"
    frame.save(tmp_path / "a.png")
    assert (numpy.asarray(image.open(tmp_path / "a.png")) == frame.to_ndarray()).all()
    frame.save(str(tmp_path / "a.jpg"), quality=95)
    assert image.open(tmp_path / "a.jpg").format == "JPEG"
    into = io.BytesIO()
    frame.save(into, format="PNG")
    assert (numpy.asarray(image.open(into)) == frame.to_ndarray()).all()
    with pytest.raises(ValueError, match="extension"):
        frame.save(tmp_path / "a.nothing")
    with pytest.raises(ValueError, match='"rgb24", "rgba" or "gray"'):
        frame.to_image("bgr24")


def test_alpha_goes_into_files_that_have_it(filled, need, tmp_path):
    image = need("PIL.Image")
    frame = filled("RGBA", [(1, 2, 3, 77)])
    assert frame.to_image().mode == "RGBA"
    frame.save(tmp_path / "a.png")
    assert numpy.asarray(image.open(tmp_path / "a.png"))[0, 0].tolist() == [1, 2, 3, 77]
    frame.save(tmp_path / "a.jpg")
    assert image.open(tmp_path / "a.jpg").mode == "RGB"


def test_notebooks_show_a_frame(drawn, need):
    image = need("PIL.Image")
    frame = drawn("NV12", 64, 48)
    assert (numpy.asarray(image.open(io.BytesIO(frame._repr_png_()))) == frame.to_ndarray()).all()
    frame.close()
    assert frame._repr_png_() is None


def test_a_missing_library_is_named_with_what_to_install(drawn, monkeypatch):
    frame = drawn()
    for name, call, package in (
        ("PIL.Image", frame.to_image, "pillow"),
        ("torch", frame.to_tensor, "torch"),
        ("numpy", frame.to_ndarray, "numpy"),
    ):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, name, None)
            with pytest.raises(ImportError, match=rf"needs {name}: pip install {package}"):
                call()
            if name != "torch":
                assert frame._repr_png_() is None


def test_tensors_are_floats_of_rgb_by_default(drawn, torch):
    frame = drawn()
    tensor = frame.to_tensor(device="cpu")
    assert tensor.shape == (3, 47, 66) and tensor.dtype == torch.float32 and tensor.is_contiguous()
    expected = torch.from_numpy(frame.to_ndarray("rgb48").astype("float32")).permute(2, 0, 1) / 65535
    assert (tensor - expected).abs().max() < 1e-4


def test_tensors_of_bytes_are_the_array(drawn, torch):
    frame = drawn()
    tensor = frame.to_tensor(dtype=torch.uint8, layout="HWC", device="cpu")
    assert tensor.shape == (47, 66, 3) and tensor.is_contiguous()
    assert near(tensor.numpy(), frame.to_ndarray("rgb24"))


@pytest.mark.parametrize("size", [(24, 33), (100, 200), (47, 31), (1, 1)])
def test_scaling_is_that_of_opencv_and_torch(drawn, torch, need, size):
    """INTER_LINEAR, and interpolate(mode="bilinear")."""
    cv2 = need("cv2")
    frame = drawn("RGB")
    found = frame.to_tensor(size, device="cpu")
    whole = torch.from_numpy(frame.to_ndarray()).permute(2, 0, 1)[None].float() / 255
    expected = torch.nn.functional.interpolate(whole, size=size, mode="bilinear", align_corners=False)[0]
    assert found.shape == (3, *size) and (found - expected).abs().max() < 1e-4
    theirs = cv2.resize(frame.to_ndarray().astype("float32") / 255, size[::-1], interpolation=cv2.INTER_LINEAR)
    assert numpy.abs(found.permute(1, 2, 0).numpy() - theirs).max() < 1e-4


def test_one_number_is_a_square(drawn, torch):
    assert drawn().to_tensor(32, device="cpu").shape == (3, 32, 32)


def test_normalizing_is_that_of_torchvision(drawn, torch):
    frame = drawn()
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    plain = frame.to_tensor(device="cpu")
    expected = (plain - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    for given in ((mean, std), ([*mean], [*std]), (torch.tensor(mean), torch.tensor(std))):
        assert (frame.to_tensor(normalize=given, device="cpu") - expected).abs().max() < 1e-5
    assert (frame.to_tensor(normalize=(0.5, 0.5), device="cpu") - (plain - 0.5) / 0.5).abs().max() < 1e-5


def test_a_letterbox_keeps_the_shape_and_fills_the_rest(filled, torch):
    """In the middle, with the grey that detectors know, or what one says, before it is normalized."""
    wide = filled("RGB", [RED], 64, 32)
    tensor = wide.to_tensor(64, letterbox=True, device="cpu")
    grey = torch.full((3, 16, 64), 114 / 255)
    assert (tensor[:, :16] == grey).all() and (tensor[:, 48:] == grey).all()
    assert (tensor[0, 16:48] == 1).all() and (tensor[1:, 16:48] == 0).all()
    assert (wide.to_tensor(64, letterbox=0.0, device="cpu")[:, :16] == 0).all()
    boxed = wide.to_tensor(64, letterbox=0.25, normalize=(0.25, 0.5), device="cpu")
    assert (boxed[:, :16] == 0).all() and (boxed[0, 20] == 1.5).all()
    assert (wide.to_tensor(64, letterbox=True, dtype=torch.uint8, device="cpu")[:, :16] == 114).all()
    tall = wide.to_tensor((64, 32), letterbox=0.0, layout="HWC", device="cpu")
    assert (tall[24:40, :, 0] == 1).all() and (tall[:24] == 0).all() and (tall[40:] == 0).all()


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_out_is_written_and_returned(drawn, torch, layout):
    """A part of a batch, or anything with strides, and nothing beside it."""
    frame = drawn()
    shape = (3, 32, 32) if layout == "CHW" else (32, 32, 3)
    batch = torch.full((3, *shape), -5.0)
    found = frame.to_tensor(32, layout=layout, out=batch[1], device="cpu")
    assert found.data_ptr() == batch[1].data_ptr()
    assert (batch[1] == frame.to_tensor(32, layout=layout, device="cpu")).all()
    assert (batch[0] == -5).all() and (batch[2] == -5).all()
    strided = torch.full((3, 64, 64), -5.0, dtype=torch.float16)
    frame.to_tensor(32, out=strided[:, ::2, ::2], device="cpu")
    expected = frame.to_tensor(32, dtype=torch.float16, device="cpu")
    assert (strided[:, ::2, ::2] == expected).all() and (strided[:, 1::2] == -5).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": (0, 5)}, r"one pixel at least.*\(0, 5\)"),
        ({"size": (1, 2, 3)}, r"\(height, width\)"),
        ({"size": "640x640"}, r"\(height, width\)"),
        ({"size": (2.5, 3)}, "whole number"),
        ({"layout": "NCHW"}, '"CHW" or "HWC"'),
        ({"normalize": (0.5,)}, r"\(mean, std\)"),
        ({"normalize": ((0.5, 0.5), (1, 1, 1))}, r"\(mean, std\)"),
        ({"normalize": (0.5, 0)}, "divides"),
        ({"letterbox": 114}, "0..1"),
        ({"dtype": "int32"}, "torch.float32.*not torch.int32"),
        ({"dtype": "uint8", "normalize": (0.5, 0.5)}, "float dtype"),
        ({"size": 32, "out": (3, 32, 33)}, r"\(3, 32, 33\).*\(3, 32, 32\)"),
    ],
)
def test_arguments_that_do_not_fit_say_which_do(drawn, torch, arguments, words):
    if isinstance(arguments.get("dtype"), str):
        arguments = {**arguments, "dtype": getattr(torch, arguments["dtype"])}
    if "out" in arguments:
        arguments = {**arguments, "out": torch.empty(arguments["out"])}
    with pytest.raises(ValueError, match=words):
        drawn().to_tensor(device="cpu", **arguments)


def test_out_is_a_tensor(drawn, torch):
    with pytest.raises(TypeError, match="torch.Tensor"):
        drawn().to_tensor(out=numpy.zeros((3, 47, 66)))
