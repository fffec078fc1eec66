# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches as one tensor: each frame is written into its part of it, all on one stream."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ._array_library import imported
from ._tensor_pictures import Request, _on

if TYPE_CHECKING:
    from ._frame import Frame


def to_tensor(
    frames: tuple[Frame | None, ...],
    size: Any,
    dtype: Any,
    layout: str,
    normalize: tuple[Any, Any] | None,
    letterbox: bool | float,
    device: Any,
    stream: object,
    out: Any,
) -> Any:
    """See `Batch.to_tensor()`."""
    torch = imported("torch", "to_tensor()")
    there = [frame for frame in frames if frame]
    if out is not None:
        _check_out(torch, out, len(frames))
        if size is None:
            size = tuple(out.shape[2:] if layout == "CHW" else out.shape[1:3])
    elif size is None:
        _check_sizes(there)
    request = Request.of(there[0], size, dtype, layout, normalize, letterbox, device, None if out is None else out[0])
    on_gpu = request.device.type == "cuda"
    with _on(torch, request.device, stream) if on_gpu else contextlib.nullcontext():
        if out is None:
            out = torch.empty((len(frames), *request.shape), dtype=request.dtype, device=request.device)
        for part, frame in zip(out, frames):
            if frame is None:
                part.zero_()
            else:
                # Of the stream that is the current one here.
                frame.to_tensor((request.height, request.width), request.dtype, layout, normalize, letterbox, out=part)
    return out


def _check_out(torch: Any, out: Any, cameras: int) -> None:
    if not isinstance(out, torch.Tensor):
        raise TypeError(f"out= is a torch.Tensor to write into, not {type(out).__name__}")
    if out.ndim != 4 or out.shape[0] != cameras:
        raise ValueError(
            f"out= is {tuple(out.shape)}; a batch of {cameras} cameras has {cameras} pictures of 3 channels"
        )


def _check_sizes(frames: list[Frame]) -> None:
    sizes = {f"{frame.width}x{frame.height}" for frame in frames}
    if len(sizes) > 1:
        raise ValueError(f"the cameras have pictures of {' and '.join(sorted(sizes))}: give size=(height, width)")
