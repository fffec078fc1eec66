# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures as tensors for models: on the CPU or on a GPU, in one kernel where there is one."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _cuda_kernel
from ._array_library import Library, TorchLibrary, imported, torch_library
from ._conversion import Picture, channels_of
from ._dlpack import stream_number

if TYPE_CHECKING:
    from ._pictures import Pictures

#: What detectors of the YOLO family are trained with.
_LETTERBOX_GREY = 114 / 255


@dataclasses.dataclass(frozen=True)
class Request:
    """A tensor that is wanted, with all arguments checked."""

    height: int
    width: int
    inner: tuple[int, int, int, int]
    """Of the picture in it: left, top, width, height."""
    fill: float
    dtype: Any
    channels_first: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    device: Any
    """Of torch."""
    out: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, self.height, self.width) if self.channels_first else (self.height, self.width, 3)

    @classmethod
    def of(
        cls,
        frame: Pictures,
        size: object,
        dtype: Any,
        layout: str,
        normalize: object,
        letterbox: bool | float,
        device: Any,
        out: Any,
    ) -> Request:
        torch = imported("torch", "to_tensor()")
        if layout not in ("CHW", "HWC"):
            raise ValueError(f'a tensor\'s layout is "CHW" or "HWC", not {layout!r}')
        height, width = _size(size, frame)
        inner, fill = _inner(frame, height, width, letterbox)
        if out is not None and not isinstance(out, torch.Tensor):
            raise TypeError(f"out= is a torch.Tensor to write into, not {type(out).__name__}")
        if dtype is None:
            dtype = torch.float32 if out is None else out.dtype
        kinds = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.uint8)
        if dtype not in kinds:
            raise ValueError(f"a picture's tensor is of {', '.join(map(str, kinds))}, not {dtype}")
        if normalize is not None and dtype == torch.uint8:
            raise ValueError("normalize= makes numbers around 0, which torch.uint8 cannot hold; use a float dtype")
        mean, std = _normalization(normalize)
        if device is None:
            device = frame.device if out is None else out.device
        request = cls(height, width, inner, fill, dtype, layout == "CHW", mean, std, torch.device(device), out)
        request._check_out()
        return request

    def _check_out(self) -> None:
        out = self.out
        if out is None:
            return
        device = self.device
        same = out.device.type == device.type and device.index in (None, out.device.index)
        if tuple(out.shape) != self.shape or out.dtype != self.dtype or not same:
            raise ValueError(
                f"out= is {tuple(out.shape)} of {out.dtype} on {out.device}; this picture is {self.shape} of {self.dtype} "
                f"on {device}"
            )


def _size(size: object, frame: Pictures) -> tuple[int, int]:
    if size is None:
        return (frame.height, frame.width)
    pair: Any = size
    if not isinstance(size, (str, bytes)) and not isinstance(size, Sequence):
        pair = (size, size)
    try:
        height, width = (operator.index(side) for side in pair)
    except (TypeError, ValueError):
        raise ValueError(f"size= is (height, width), or one whole number for both, not {size!r}") from None
    if height < 1 or width < 1:
        raise ValueError(f"a picture has one pixel at least; size= is ({height}, {width})")
    return (height, width)


def _inner(
    frame: Pictures, height: int, width: int, letterbox: bool | float
) -> tuple[tuple[int, int, int, int], float]:
    if letterbox is False or letterbox is None:
        return ((0, 0, width, height), 0.0)
    fill = _LETTERBOX_GREY if letterbox is True else float(letterbox)
    if not 0.0 <= fill <= 1.0:
        raise ValueError(f"letterbox= is True, False or what to fill with in 0..1, not {letterbox!r}")
    scale = min(height / frame.height, width / frame.width)
    inner_width = min(width, max(1, round(frame.width * scale)))
    inner_height = min(height, max(1, round(frame.height * scale)))
    return (((width - inner_width) // 2, (height - inner_height) // 2, inner_width, inner_height), fill)


def _normalization(normalize: Any) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if normalize is None:
        return ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    try:
        mean, std = (_three(values) for values in normalize)
    except (TypeError, ValueError):
        raise ValueError(f"normalize= is (mean, std), each a number or one for R, G and B, not {normalize!r}") from None
    if 0.0 in std:
        raise ValueError("normalize= divides by std, which has a 0")
    return (mean, std)


def _three(values: Any) -> tuple[float, float, float]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (int, float)):
        return (float(values), float(values), float(values))
    red, green, blue = (float(value) for value in values)
    return (red, green, blue)


def to_tensor(frame: Pictures, picture: Picture, request: Request, stream: object) -> Any:
    """See `Pictures.to_tensor()`."""
    library = torch_library("to_tensor()")
    torch = library.module
    if request.device.type == "cpu":
        planes = _cpu_planes(torch, frame)
        return _computed(library, picture, planes, request)
    with _on(torch, request.device, stream):
        if frame.device == "cpu":
            planes = [plane.to(request.device, non_blocking=False) for plane in _cpu_planes(torch, frame)]
        else:
            planes = [torch.from_dlpack(plane.bytes) for plane in frame.planes]
            if planes[0].device != _with_index(torch, request.device):
                planes = [plane.to(request.device) for plane in planes]
        return _computed(library, picture, planes, request)


def _with_index(torch: Any, device: Any) -> Any:
    return device if device.index is not None else torch.device(device.type, torch.cuda.current_device())


def _cpu_planes(torch: Any, frame: Pictures) -> list[Any]:
    host = frame if frame.device == "cpu" else frame.copy(device="cpu")
    return [torch.from_dlpack(plane.bytes) for plane in host.planes]


@contextlib.contextmanager
def _on(torch: Any, device: Any, stream: object) -> Any:
    with torch.cuda.device(device):
        if stream is None:
            yield
            return
        if not isinstance(stream, torch.cuda.Stream):
            number = stream_number(stream)
            # What DLPack calls 1 is torch's default stream, whose pointer is NULL.
            stream = torch.cuda.ExternalStream(0 if number == 1 else number, device=device)
        with torch.cuda.stream(stream):
            yield


def _computed(library: TorchLibrary, picture: Picture, planes: list[Any], request: Request) -> Any:
    torch = library.module
    out = request.out
    if out is None:
        out = torch.empty(request.shape, dtype=request.dtype, device=planes[0].device)
    target = out if request.channels_first else out.permute(2, 0, 1)
    if not (target.is_cuda and _in_one_pass(torch, picture, planes, request, target)):
        _in_several_passes(library, picture, planes, request, target)
    return out


def job_of(picture: Picture, planes: list[Any], request: Request, target: Any) -> _cuda_kernel.Job | None:
    """The kernel's job: `target` is (channels, rows, columns), with any strides."""
    return _cuda_kernel.job_of(
        picture,
        tuple((plane.data_ptr(), plane.stride(0)) for plane in planes),
        (request.width, request.height),
        request.inner,
        (target.data_ptr(), target.stride(), str(target.dtype).rpartition(".")[2]),
        request.mean,
        request.std,
        request.fill,
    )


def _in_one_pass(torch: Any, picture: Picture, planes: list[Any], request: Request, target: Any) -> bool:
    job = job_of(picture, planes, request, target)
    if job is None:
        return False
    device = target.device.index
    return _cuda_kernel.launch(job, device, torch.cuda.current_stream(device).cuda_stream)


def _in_several_passes(
    library: TorchLibrary, picture: Picture, planes: list[Any], request: Request, target: Any
) -> None:
    torch = library.module
    left, top, width, height = request.inner
    boxed = (width, height) != (request.width, request.height)
    is_bytes = request.dtype == torch.uint8
    channels = channels_of(library, picture, planes, (width, height))
    for index, channel in enumerate(channels):
        mean, std = request.mean[index], request.std[index]
        if boxed:
            target[index].fill_(round(request.fill * 255) if is_bytes else (request.fill - mean) / std)
        inner = target[index, top : top + height, left : left + width]
        if is_bytes:
            inner.copy_(channel * 255 + 0.5)
        else:
            inner.copy_(channel if (mean, std) == (0.0, 1.0) else (channel - mean) / std)


def rgb_on_gpu(library: Library, frame: Pictures, picture: Picture, stream: object) -> Any:
    """(height, width, 3) uint8 of the library's own, on the frame's GPU."""
    if isinstance(library, TorchLibrary):
        torch = library.module
        request = Request.of(frame, None, torch.uint8, "HWC", None, False, None, None)
        return to_tensor(frame, picture, request, stream)
    return _rgb_by_cupy(library, frame, picture, stream)


def _rgb_by_cupy(library: Library, frame: Pictures, picture: Picture, stream: Any) -> Any:
    cupy = library.module
    number = int(frame.device.partition(":")[2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(cupy.cuda.Device(number))
        if stream is not None:
            if not isinstance(stream, cupy.cuda.Stream):
                pointer = stream_number(stream)
                stream = cupy.cuda.ExternalStream(0 if pointer == 1 else pointer, number)
            stack.enter_context(stream)
        planes = [cupy.from_dlpack(plane.bytes) for plane in frame.planes]
        out = cupy.empty((frame.height, frame.width, 3), cupy.uint8)
        size = (frame.width, frame.height)
        job = _cuda_kernel.job_of(
            picture,
            tuple((plane.data.ptr, plane.strides[0]) for plane in planes),
            size,
            (0, 0, *size),
            (out.data.ptr, (1, 3 * frame.width, 3), "uint8"),
        )
        if job is None or not _cuda_kernel.launch(job, number, cupy.cuda.get_current_stream().ptr):
            for index, channel in enumerate(channels_of(library, picture, planes)):
                out[..., index] = (channel * 255 + 0.5).astype(cupy.uint8)
        return out
