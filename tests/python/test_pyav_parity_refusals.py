# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counterparts of PyAV's DLPack tests, third part: what is refused, with which exception, and that
nothing happened when it was. Each docstring begins with the number and subject of the original."""

import gc
import inspect

import capsule
import cuframes
import numpy
import pytest
from processes import eventually

WIDTH, HEIGHT = 64, 48
Y, UV = (HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2, 2)


def zeros(shape, dtype="u1"):
    return numpy.zeros(shape, dtype)


@pytest.fixture(params=["send", "to_buffer"])
def refuse(request, key, memory, cleanup, need):
    """Checks that both ways in refuse `source`, name the reason, and give back every tensor they were
    handed."""

    def check(source, error, match, **options):
        options.setdefault("format", "NV12")
        given = source if isinstance(source, (list, tuple)) else [source]
        with pytest.raises(error, match=match):
            make(source, **options)
        gc.collect()
        for one in given:
            if isinstance(one, capsule.Producer):
                given_back = eventually(lambda one=one: one.deleted == len(one.asked))
                assert given_back, "a refused tensor was not given back"

    if request.param == "send":
        publisher = cuframes.publish(key, memory=memory)
        cleanup.append(publisher)

        def make(source, format, width=None, height=None):
            if width:
                publisher.configure(format, width, height, memory=memory)
            publisher.send(source, format=format)

        yield check
        assert publisher.stats()["published"] == 0
    else:
        need("gi")
        make = need("cuframes.gst").to_sample
        yield check


def test_13_one_plane_for_nv12(refuse):
    """13, one plane for nv12: ValueError that tells how many there are to be."""
    refuse([capsule.Producer(zeros(Y))], ValueError, "2|two|rows", width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_18_wrong_plane_count(refuse, count):
    """18, wrong plane count: ValueError."""
    refuse(
        [capsule.Producer(zeros(Y)) for _ in range(count)],
        ValueError,
        "plane|tensor",
        format="Y444",
        width=WIDTH,
        height=HEIGHT,
    )


@pytest.mark.parametrize("format", ["v210", "NV12_4L4", "P010_10BE", "RGB8P", "no-such-format"])
def test_20_and_11_formats_without_tensors(refuse, format):
    """20 and 11, palette formats: a format whose pixels are no tensor is refused by its name."""
    refuse([capsule.Producer(zeros(Y))], (ValueError, BufferError), format, format=format)


def test_22_only_one_of_width_and_height(key, need):
    """22, only one of width and height: ValueError, and the key is not taken."""
    for size in ({"width": WIDTH}, {"height": HEIGHT}):
        with pytest.raises(ValueError, match="width|height"):
            cuframes.publish(key, format="NV12", **size)
    cuframes.publish(key).close()
    need("gi")
    for size in ({"width": WIDTH}, {"height": HEIGHT}):
        with pytest.raises(ValueError, match="width|height"):
            need("cuframes.gst").to_buffer([zeros(Y), zeros(UV)], format="NV12", **size)


def test_23_shape_is_not_the_size(refuse):
    """23, plane 0 is not width x height: ValueError naming both."""
    planes = [capsule.Producer(zeros(Y)), capsule.Producer(zeros(UV))]
    refuse(planes, ValueError, "48.*64|64.*48", width=32, height=32)


# send() copies, and gathers elements and rows that lie otherwise (test_sending_pictures.py).
in_place_only = pytest.mark.parametrize("refuse", ["to_buffer"], indirect=True)


@in_place_only
def test_25_luma_elements_apart(refuse):
    """25, plane 0's last dimension is not contiguous: ValueError."""
    y = numpy.zeros((HEIGHT, WIDTH * 2), numpy.uint8)[:, ::2]
    refuse([capsule.Producer(y), capsule.Producer(zeros(UV))], ValueError, "stride|contiguous|compact")


@in_place_only
def test_26_flat_chroma_elements_apart(refuse):
    """26, the same for chroma of two dimensions."""
    uv = numpy.zeros((HEIGHT // 2, WIDTH * 2), numpy.uint8)[:, ::2]
    refuse([capsule.Producer(zeros(Y)), capsule.Producer(uv)], ValueError, "stride|contiguous|compact")


@in_place_only
def test_27_chroma_pairs_apart(refuse):
    """27, chroma of three dimensions with wrong inner strides: ValueError."""
    uv = numpy.zeros((HEIGHT // 2, WIDTH // 2, 4), numpy.uint8)[:, :, :2]
    refuse([capsule.Producer(zeros(Y)), capsule.Producer(uv)], ValueError, "stride|contiguous|compact")


@in_place_only
@pytest.mark.parametrize("strides", [(-WIDTH, 1), (0, 1), (WIDTH - 1, 1)])
def test_27_rows_that_overlap(refuse, strides):
    """27, strides: rows that run backwards, repeat or overlap are no picture: ValueError, and nothing is
    read."""
    refuse(
        [capsule.Producer(zeros(Y), strides=strides), capsule.Producer(zeros(UV))],
        ValueError,
        "stride|pitch|overlap|compact",
    )


@pytest.mark.parametrize(
    "format, y, uv",
    [("NV12", "u2", "u1"), ("NV12", "u1", "u2"), ("P010_10LE", "u1", "u1")],
    ids=["28 plane 0", "29 plane 1", "30 p010 given u8"],
)
def test_28_to_30_wrong_dtype(refuse, format, y, uv):
    """28 to 30, wrong dtype of plane 0, of plane 1, of both of p010: TypeError."""
    refuse(
        [capsule.Producer(zeros(Y, y)), capsule.Producer(zeros(UV, uv))],
        TypeError,
        "uint8|uint16",
        format=format,
    )


def test_28_floats(refuse):
    """28, wrong dtype: floats and signed integers are not pixels: TypeError."""
    signed, floating = 0, 2
    refuse([capsule.Producer(zeros(Y), code=signed), capsule.Producer(zeros(UV))], TypeError, "uint8")
    refuse([capsule.Producer(zeros(Y, "f4"), code=floating), capsule.Producer(zeros(UV))], TypeError, "uint8")


@pytest.mark.parametrize("shape", [(HEIGHT * WIDTH,), (1, HEIGHT, WIDTH), ()])
def test_31_luma_not_two_dimensional(refuse, shape):
    """31, plane 0 has not two dimensions: ValueError."""
    refuse([capsule.Producer(zeros(shape)), capsule.Producer(zeros(UV))], ValueError, "shape|dimension|\\(")


@pytest.mark.parametrize("shape", [(HEIGHT * WIDTH // 2,), (1, *UV), (HEIGHT // 2, WIDTH // 2, 3)])
def test_32_chroma_of_another_shape(refuse, shape):
    """32, plane 1 has neither two nor three dimensions, or other pairs: ValueError."""
    refuse([capsule.Producer(zeros(Y)), capsule.Producer(zeros(shape))], ValueError, "shape|dimension|\\(")


@pytest.mark.parametrize("thing", [object(), "text", 5, None])
def test_34_no_tensor(refuse, thing):
    """34, plain object(): TypeError that says what is needed."""
    refuse([thing, thing], TypeError, "dlpack|DLPack|tensor")


def test_35_arguments_are_checked(key, need):
    """35, CudaContext flags: what has no sense is refused where it is given. Devices and streams are numbers
    or what has one, flags of ours are keyword-only, defaults are those of the reference."""
    parameters = inspect.signature(cuframes.subscribe).parameters
    assert parameters["cuda_device"].default == 0 and parameters["consumer_stream"].default == 0
    with pytest.raises((TypeError, ValueError), match="stream"):
        cuframes.subscribe(key, consumer_stream="a stream", connect_timeout_ms=0)
    with pytest.raises(ValueError, match="on_gone"):
        cuframes.subscribe(key, on_gone="panic", connect_timeout_ms=0)
    with pytest.raises(ValueError):
        cuframes.Subscriber(key, cuda_device=-2)
    with pytest.raises(ValueError):
        cuframes.Subscriber(key, consumer_stream=-1)
    with pytest.raises(TypeError):
        cuframes.publish(key, "NV12")


def test_11_unsupported_export_names_the_reason(need, key, subscribe, memory, cleanup):
    """11, unsupported format: the device query works, the export raises BufferError naming the format, and
    .bytes still hands out what lies there."""
    need("gi")
    from pipelines import Pipeline

    source = "videotestsrc num-buffers=3 ! video/x-raw,format=v210,width=96,height=16"
    cleanup.append(Pipeline(f"{source} ! cuframessink key={key} wait-for-subscribers=1 sync=false"))
    frame = subscribe().next_frame(timeout_ms=20000)
    (plane,) = frame.planes
    assert plane.__dlpack_device__() == (capsule.CPU, 0)
    with pytest.raises(BufferError, match="v210"):
        plane.__dlpack__()
    with pytest.raises(BufferError, match="v210"):
        numpy.from_dlpack(plane)
    assert plane.bytes.shape == (plane.rows, plane.row_bytes) == (16, 256)
    assert capsule.values(plane.bytes).shape == (16, 256)
