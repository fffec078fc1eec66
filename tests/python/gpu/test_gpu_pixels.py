# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures on a real GPU, by torch and by cupy: those that the host makes of the same frames, by the kernel and without it.
bench/pictures_on_gpu.py has more of them, and the times."""

import numpy
import pictures
import pytest
from cuframes import _cuda_kernel, _tensor_pictures
from cuframes._array_library import Library

FORMATS = ["NV12", "P010_10LE", "I420", "I420_10LE", "YUY2", "BGRx", "RGB10A2_LE", "GRAY8"]


@pytest.fixture
def drawn(publish, subscribe, torch):
    """A frame on the GPU, full of noise."""

    def make(format="NV12", width=322, height=241):
        publisher = publish(key=f"{format}-{width}", format=format, width=width, height=height)
        subscriber = subscribe(key=f"{format}-{width}")
        with publisher.acquire() as slot:
            for index, plane in enumerate(slot.planes):
                values = pictures.plane_of(1, index, plane.shape, str(plane.dtype))
                signed = {1: numpy.uint8, 2: numpy.int16, 4: numpy.int32}[values.itemsize]
                target = torch.from_dlpack(plane)
                of = torch.from_numpy(values.view(signed)).to(target.device)
                target.view(of.dtype).copy_(of)
        return subscriber.next_frame(timeout_ms=60000)

    return make


def levels_off(found, expected):
    return numpy.abs(found.astype(int) - expected.astype(int)).max()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("way", ["kernel", "operations"])
def test_rgb_by_torch_is_the_picture_of_the_host(drawn, torch, monkeypatch, format, way):
    if way == "operations":
        monkeypatch.setattr(_cuda_kernel, "_kernels", {0: False})
    frame = drawn(format)
    found = frame.to_rgb()
    assert found.is_cuda and found.dtype == torch.uint8 and found.is_contiguous()
    assert bool(_cuda_kernel._kernels[0]) == (way == "kernel")
    assert levels_off(found.cpu().numpy(), frame.to_ndarray("rgb24")) <= 1


@pytest.mark.parametrize("way", ["kernel", "operations"])
def test_rgb_by_cupy_is_the_picture_of_the_host(drawn, cupy, monkeypatch, way):
    if way == "operations":
        monkeypatch.setattr(_cuda_kernel, "_kernels", {0: False})
    for format in FORMATS:
        frame = drawn(format)
        found = _tensor_pictures.rgb_on_gpu(Library(cupy), frame, frame._picture(), None)
        assert isinstance(found, cupy.ndarray) and found.shape == (241, 322, 3)
        assert levels_off(found.get(), frame.to_ndarray("rgb24")) <= 1, format
        frame.close()


def test_tensors_are_those_of_the_host(drawn, torch):
    frame = drawn()
    normalize = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    for arguments in (
        {},
        {"size": 640, "letterbox": True, "normalize": normalize},
        {"size": (100, 90), "layout": "HWC"},
    ):
        expected = frame.to_tensor(device="cpu", **arguments)
        assert (frame.to_tensor(**arguments).cpu() - expected).abs().max() < 1e-4


def test_a_picture_is_made_on_the_stream_that_is_named(drawn, torch):
    """Behind slow work on a side stream, and the frame let go before that has run."""
    frame = drawn()
    expected = frame.to_tensor(128, device="cpu")
    stream = torch.cuda.Stream()
    out = torch.zeros(3, 128, 128, device="cuda")
    frame.to_tensor(128)  # which compiles
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
    assert frame.to_tensor(128, out=out, stream=stream) is out
    assert not stream.query(), "it waited for the stream"
    frame.close()
    stream.synchronize()
    assert (out.cpu() - expected).abs().max() < 1e-4


def test_frames_of_the_host_go_up_as_they_are(torch, publish, subscribe):
    """device="cuda" of a frame in host memory: its planes are uploaded, and converted there."""
    publisher = publish(format="NV12", width=322, height=241, memory="host")
    subscriber = subscribe()
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    frame = subscriber.next_frame(timeout_ms=60000)
    found = frame.to_tensor(128, device="cuda")
    assert found.is_cuda and (found.cpu() - frame.to_tensor(128)).abs().max() < 1e-4
