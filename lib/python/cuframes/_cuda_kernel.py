# SPDX-License-Identifier: LGPL-2.1-or-later
"""`pixels.cu` on a GPU: one pass from a frame's planes to a picture.

It takes the driver and NVRTC, which the wheels of torch and CuPy bring, and no CUDA toolkit. Compiled once for a device and
process, in half a second, and loaded into the device's primary context, where both libraries work.
"""

from __future__ import annotations

import ctypes
import functools
import glob
import importlib.util
import os
import pathlib
import threading
from typing import Any

from . import _log
from ._colorimetry import to_rgb_matrix
from ._conversion import Picture
from ._pixel_layouts import Component

#: By the kernel's numbers (Dtype in pixels.cu).
DTYPES = {"float32": 0, "float16": 1, "bfloat16": 2, "uint8": 3, "float64": 4}
_BLOCK = (32, 8)


class _Component(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_uint64),
        ("pitch", ctypes.c_longlong),
        ("step", ctypes.c_int),
        ("bytes", ctypes.c_int),
        ("big_endian", ctypes.c_int),
        ("shift", ctypes.c_int),
        ("mask", ctypes.c_uint),
        ("columns", ctypes.c_int),
        ("rows", ctypes.c_int),
        ("first_x", ctypes.c_float),
        ("first_y", ctypes.c_float),
        ("share_x", ctypes.c_float),
        ("share_y", ctypes.c_float),
    ]


class Job(ctypes.Structure):
    """The kernel's argument (Job in pixels.cu)."""

    _fields_ = [
        ("components", _Component * 3),
        ("component_count", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("matrix", ctypes.c_float * 4 * 3),
        ("factor", ctypes.c_float * 3),
        ("addend", ctypes.c_float * 3),
        ("fill", ctypes.c_float * 3),
        ("scale_x", ctypes.c_float),
        ("scale_y", ctypes.c_float),
        ("left", ctypes.c_int),
        ("top", ctypes.c_int),
        ("inner_width", ctypes.c_int),
        ("inner_height", ctypes.c_int),
        ("out_width", ctypes.c_int),
        ("out_height", ctypes.c_int),
        ("out", ctypes.c_uint64),
        ("out_channel", ctypes.c_longlong),
        ("out_row", ctypes.c_longlong),
        ("out_column", ctypes.c_longlong),
        ("dtype", ctypes.c_int),
    ]


def job_of(
    picture: Picture,
    planes: tuple[tuple[int, int], ...],
    size: tuple[int, int],
    inner: tuple[int, int, int, int],
    out: tuple[int, tuple[int, int, int], str],
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
    std: tuple[float, float, float] = (1.0, 1.0, 1.0),
    fill: float = 0.0,
) -> Job | None:
    """What the kernel is to do; None: it does not know this format, or where the numbers lie.

    planes: address and pitch of each. size: width and height of the result; inner: left, top, width and height of the frame
    in it. out: address, elements from channel, row and column to the next, and dtype's name.
    """
    layout = picture.layout
    pitches = tuple(pitch for _, pitch in planes)
    # A GPU reads numbers at addresses that they divide.
    if any(address % layout.item for plane in planes for address in plane):
        return None
    template = _template(picture, pitches, size, inner, out[1], out[2], mean, std, fill)
    if template is None:
        return None
    job = Job.from_buffer_copy(template)
    for index, component in enumerate(layout.components[:3]):
        job.components[index].data += planes[component.plane][0]
    job.out = out[0]
    return job


@functools.lru_cache(maxsize=256)
def _template(
    picture: Picture,
    pitches: tuple[int, ...],
    size: tuple[int, int],
    inner: tuple[int, int, int, int],
    strides: tuple[int, int, int],
    dtype: str,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    fill: float,
) -> bytes | None:
    """A job for planes and a result that begin at 0: it is the same for every frame of a stream."""
    layout = picture.layout
    if layout.packing or dtype not in DTYPES:
        return None
    job = Job(component_count=len(layout.components[:3]), width=picture.width, height=picture.height)
    for index, component in enumerate(layout.components[:3]):
        _place(job.components[index], picture, index, component, pitches[component.plane])
    for row, values in zip(job.matrix, to_rgb_matrix(picture.colorimetry, layout.depths)):
        row[:] = values
    whole = 255.0 if dtype == "uint8" else 1.0
    job.factor[:] = [whole / one for one in std]
    job.addend[:] = [-whole * middle / one for middle, one in zip(mean, std)]
    job.fill[:] = [whole * (fill - middle) / one for middle, one in zip(mean, std)]
    job.left, job.top, job.inner_width, job.inner_height = inner
    job.scale_x, job.scale_y = (picture.width / job.inner_width, picture.height / job.inner_height)
    job.out_width, job.out_height = size
    (job.out_channel, job.out_row, job.out_column), job.dtype = strides, DTYPES[dtype]
    return bytes(job)


def _place(place: _Component, picture: Picture, index: int, component: Component, pitch: int) -> None:
    layout = picture.layout
    place.data, place.pitch = component.offset * layout.item, pitch
    place.step, place.bytes = component.step * layout.item, layout.item
    place.big_endian = layout.big_endian
    place.shift, place.mask = component.shift, (1 << component.depth) - 1
    place.columns, place.rows = layout.size(index, picture.width, picture.height)
    place.share_x = place.share_y = 1.0
    if layout.is_chroma(index):
        shared, cosited = layout.shared, (picture.colorimetry.cosited_x, picture.colorimetry.cosited_y)
        place.share_x, place.share_y = (1 / (1 << one) for one in shared)
        place.first_x, place.first_y = (0.5 if one and not at else 0.0 for one, at in zip(shared, cosited))


class Unavailable(Exception):
    """Why there is no kernel here."""


_kernels: dict[int, Any] = {}
_lock = threading.Lock()


def launch(job: Job, device: int, stream: int) -> bool:
    """Queues it on a stream (its pointer) of a GPU. False: there is no kernel here, which the log says once.

    The first call on a device compiles, and must not be while a CUDA graph is captured.
    """
    kernel = _kernels.get(device)
    if kernel is None:
        with _lock:
            if device not in _kernels:
                try:
                    _kernels[device] = _Kernel(device)
                except Unavailable as reason:
                    what = f"pictures of frames on cuda:{device} take several passes each: {reason}"
                    _log.emit(_log.WARNING, what)
                    _kernels[device] = False
            kernel = _kernels[device]
    if kernel is False:
        return False
    kernel.launch(job, stream)
    return True


class _Kernel:
    """The function, loaded."""

    def __init__(self, device: int) -> None:
        try:
            self._driver = ctypes.CDLL("libcuda.so.1")
        except OSError as missing:
            raise Unavailable(f"no driver: {missing}") from None
        self._context = ctypes.c_void_p()
        number = ctypes.c_int()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(number), device)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), number)
        major, minor = (self._attribute(number, which) for which in (75, 76))
        self._function = self._loaded(10 * major + minor)

    def _call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._driver, name, None)
        status = function(*arguments) if function is not None else -1
        if status:
            raise Unavailable(f"{name}() says {status}")

    def _attribute(self, device: ctypes.c_int, which: int) -> int:
        found = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(found), which, device)
        return found.value

    def _loaded(self, architecture: int) -> ctypes.c_void_p:
        source = pathlib.Path(__file__).with_name("pixels.cu").read_bytes()
        reasons = []
        for path in nvrtc_paths():
            try:
                return self._load(_compiled(ctypes.CDLL(path), source, architecture))
            except (OSError, Unavailable) as reason:
                reasons.append(f"{path}: {reason}")
        raise Unavailable("; ".join(reasons) or "libnvrtc.so is not to be found: pip install nvidia-cuda-nvrtc")

    def _load(self, code: bytes) -> ctypes.c_void_p:
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuCtxPushCurrent_v2", self._context)
        try:
            self._call("cuModuleLoadData", ctypes.byref(module), code)
            self._call("cuModuleGetFunction", ctypes.byref(function), module, b"cuframes_picture")
        finally:
            self._driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        return function

    def launch(self, job: Job, stream: int) -> None:
        blocks = (-(-job.out_width // _BLOCK[0]), -(-job.out_height // _BLOCK[1]))
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(job))
        self._call("cuCtxPushCurrent_v2", self._context)
        try:
            status = self._driver.cuLaunchKernel(
                self._function, *blocks, 1, *_BLOCK, 1, 0, ctypes.c_void_p(stream), arguments, None
            )
        finally:
            self._driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        if status:
            raise RuntimeError(f"the GPU takes no work: cuLaunchKernel() says {status}")


def nvrtc_paths() -> list[str]:
    """Where NVRTC may be: by the loader's own ways, which find one that is loaded, then in wheels, then in a toolkit."""
    found = ["libnvrtc.so.13", "libnvrtc.so.12"]
    for package, pattern in (("nvidia", "*/lib/libnvrtc.so.1[0-9]"), ("torch", "lib/libnvrtc*.so.1[0-9]")):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found += sorted(glob.glob(os.path.join(folder, pattern)), reverse=True)
    home = os.environ.get("CUDA_PATH") or os.environ.get("CUDA_HOME") or "/usr/local/cuda"
    return found + [os.path.join(home, "lib64", "libnvrtc.so")]


def _compiled(nvrtc: Any, source: bytes, architecture: int) -> bytes:
    """Machine code for the device, or where this NVRTC is older than it PTX, which the driver translates."""
    known = _architectures(nvrtc)
    if architecture in known:
        return _compile(nvrtc, source, f"sm_{architecture}", "CUBIN")
    older = [one for one in known if one < architecture]
    if not older:
        raise Unavailable(f"it does not know GPUs of architecture {architecture}")
    return _compile(nvrtc, source, f"compute_{max(older)}", "PTX")


def _architectures(nvrtc: Any) -> list[int]:
    count = ctypes.c_int()
    if nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count)):
        return []
    found = (ctypes.c_int * count.value)()
    return [] if nvrtc.nvrtcGetSupportedArchs(found) else list(found)


def _compile(nvrtc: Any, source: bytes, target: str, kind: str) -> bytes:
    program = ctypes.c_void_p()
    if nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"pixels.cu", 0, None, None):
        raise Unavailable("it makes no program")
    try:
        options = (ctypes.c_char_p * 1)(f"--gpu-architecture={target}".encode())
        if nvrtc.nvrtcCompileProgram(program, 1, options):
            raise Unavailable(_result(nvrtc, program, "ProgramLog").decode(errors="replace").strip("\0\n "))
        return _result(nvrtc, program, kind)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _result(nvrtc: Any, program: ctypes.c_void_p, kind: str) -> bytes:
    size = ctypes.c_size_t()
    if getattr(nvrtc, f"nvrtcGet{kind}Size")(program, ctypes.byref(size)):
        raise Unavailable(f"it has no {kind}")
    data = ctypes.create_string_buffer(size.value)
    if getattr(nvrtc, f"nvrtcGet{kind}")(program, data):
        raise Unavailable(f"it has no {kind}")
    return data.raw
