# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel that makes a picture on a GPU in one pass, compiled for the host: it gives what the array libraries give, which
other tests hold to GStreamer and FFmpeg. So its arithmetic is tried where there is no GPU; that it runs on one is for
gpu/test_gpu_pixels.py."""

import ctypes
import os
import pathlib
import shlex
import shutil
import subprocess

import cuframes
import numpy
import pictures
import pytest
from cuframes import _cuda_kernel, _tensor_pictures
from cuframes._conversion import picture_of

FORMATS = [
    "NV12",
    "NV21",
    "P010_10LE",
    "I420",
    "YV12",
    "I420_10LE",
    "Y42B",
    "Y41B",
    "Y444",
    "YUY2",
    "RGB",
    "BGRx",
    "ARGB",
]
FORMATS += ["AYUV", "RGB16", "RGB10A2_LE", "GBR_10LE", "ARGB64_LE", "GRAY8", "GRAY16_LE", "NV24", "P016_LE", "Y210"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """The file that the package brings, as a function."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    if shutil.which(compiler[0]) is None:
        pytest.skip("no C++ compiler here")
    library = tmp_path_factory.mktemp("kernel") / "pixels.so"
    source = pathlib.Path(__file__).with_name("pixels_on_host.cpp")
    package = pathlib.Path(cuframes.__file__).parent
    # No contraction of a * b + c: what is compared is the arithmetic that is written.
    options = ["-std=c++20", "-O1", "-ffp-contract=off", "-shared", "-fPIC", f"-I{package}", "-o", str(library)]
    done = subprocess.run([*compiler, *options, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = ctypes.CDLL(str(library))
    found.cuframes_size_of_job.restype = ctypes.c_ulong
    assert found.cuframes_size_of_job() == ctypes.sizeof(_cuda_kernel.Job)
    return found.cuframes_picture_on_host


@pytest.fixture
def torch(need, host_only):
    torch = need("torch")
    # Threads that wait for each other by spinning take minutes where others need the cores too.
    torch.set_num_threads(1)
    return torch


@pytest.fixture
def drawn(publish, subscribe):
    """A frame of some format, full of noise."""

    def make(format="NV12", width=66, height=47):
        publisher = publish(format=format, width=width, height=height)
        subscriber = subscribe()
        with publisher.acquire() as slot:
            pictures.draw(slot, 1)
        return subscriber.next_frame(timeout_ms=10000)

    return make


def by_kernel(kernel, torch, frame, **arguments):
    names = ("size", "dtype", "layout", "normalize", "letterbox", "device", "out")
    defaults = {"layout": "CHW", "letterbox": False}
    request = _tensor_pictures.Request.of(frame, *({**defaults, **arguments}.get(name) for name in names))
    out = torch.full(request.shape, 7, dtype=request.dtype)
    target = out if request.channels_first else out.permute(2, 0, 1)
    planes = [torch.from_dlpack(plane.bytes) for plane in frame.planes]
    job = _tensor_pictures.job_of(frame._picture(), planes, request, target)
    assert job is not None
    kernel(ctypes.byref(job))
    return out


def assert_same(torch, frame, found, **arguments):
    expected = frame.to_tensor(**arguments)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    difference = (found.double() - expected.double()).abs().max().item()
    # Of bytes a level, where rounding goes the other way; of floats what their own precision leaves.
    allowed = {torch.uint8: 1, torch.float16: 2e-3, torch.bfloat16: 2e-2}.get(expected.dtype, 2e-6)
    scale = 1 / min(arguments["normalize"][1]) if arguments.get("normalize") else 1
    assert difference <= allowed * scale, f"{difference}"
    if expected.dtype == torch.uint8:
        assert (found != expected).double().mean() < 0.001


@pytest.mark.parametrize("format", FORMATS)
def test_the_kernel_makes_the_same_picture_of_every_kind_of_format(kernel, torch, drawn, format):
    frame = drawn(format)
    assert_same(torch, frame, by_kernel(kernel, torch, frame))
    assert_same(torch, frame, by_kernel(kernel, torch, frame, dtype=torch.uint8), dtype=torch.uint8)


@pytest.mark.parametrize("size", [(47, 66), (24, 33), (100, 31), (1, 1), (94, 132), 64])
@pytest.mark.parametrize("letterbox", [False, True, 0.5])
def test_the_kernel_scales_and_boxes_alike(kernel, torch, drawn, size, letterbox):
    frame = drawn()
    arguments = {"size": size, "letterbox": letterbox}
    assert_same(torch, frame, by_kernel(kernel, torch, frame, **arguments), **arguments)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "uint8"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_the_kernel_writes_every_dtype_and_layout(kernel, torch, drawn, dtype, layout):
    frame = drawn()
    arguments = {"dtype": getattr(torch, dtype), "layout": layout, "size": (32, 32), "letterbox": True}
    if dtype != "uint8":
        arguments["normalize"] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert_same(torch, frame, by_kernel(kernel, torch, frame, **arguments), **arguments)


@pytest.mark.parametrize("site", ["jpeg", "mpeg2", "cosited"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5)])
def test_the_kernel_keeps_to_the_edges_of_small_frames(kernel, torch, drawn, monkeypatch, site, size):
    """Nothing beyond a plane is read: the last sample counts again."""
    frame = drawn(width=size[0], height=size[1])
    caps = f"video/x-raw, chroma-site=(string){site}"
    monkeypatch.setattr(cuframes.Frame, "caps", caps)
    assert_same(torch, frame, by_kernel(kernel, torch, frame))


def test_numbers_in_the_other_order_of_bytes_are_turned(kernel):
    """Big-endian planes are no tensors of numbers, but bytes are; the kernel turns them."""
    numbers = numpy.arange(12).reshape(3, 4) * 5000
    found = []
    for format, plane in (("GRAY16_LE", numbers.astype("<u2")), ("GRAY16_BE", numbers.astype(">u2"))):
        of = picture_of(format, "", 4, 3)
        out = numpy.zeros((3, 3, 4), numpy.float32)
        job = _cuda_kernel.job_of(
            of, ((plane.ctypes.data, 8),), (4, 3), (0, 0, 4, 3), (out.ctypes.data, (12, 4, 1), "float32")
        )
        kernel(ctypes.byref(job))
        found.append(out)
    assert (found[0] == found[1]).all()
    assert abs(found[0][0] - numbers / 65535).max() < 1e-6


def is_driver_the_stand_in():
    try:
        return hasattr(ctypes.CDLL("libcuda.so.1"), "fake_cuda_stats")
    except OSError:
        return False


def test_nvrtc_compiles_it():
    """For the GPUs that it knows, and for later ones; without a GPU, where there is NVRTC."""
    if is_driver_the_stand_in():
        pytest.skip("NVRTC asks the driver for what the stand-in does not have")
    for path in _cuda_kernel.nvrtc_paths():
        try:
            nvrtc = ctypes.CDLL(path)
            break
        except OSError:
            continue
    else:
        pytest.skip("no NVRTC here")
    source = pathlib.Path(cuframes.__file__).with_name("pixels.cu").read_bytes()
    assert _cuda_kernel._compiled(nvrtc, source, 90).startswith(b"\x7fELF")
    assert b".entry cuframes_picture" in _cuda_kernel._compiled(nvrtc, source, 999)
    with pytest.raises(_cuda_kernel.Unavailable, match="error"):
        _cuda_kernel._compiled(nvrtc, source + b"nonsense", 90)


def test_without_a_kernel_the_log_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(_cuda_kernel, "_kernels", {})
    monkeypatch.setattr(_cuda_kernel, "nvrtc_paths", lambda: [])
    for _ in range(2):
        assert not _cuda_kernel.launch(_cuda_kernel.Job(), 0, 0)
    assert [record.getMessage().startswith("pictures of frames on cuda:0") for record in caplog.records] == [True]
