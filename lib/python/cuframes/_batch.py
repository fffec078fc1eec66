# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames of several cameras that were captured at the same time."""

from __future__ import annotations

import time as _clock
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _tensor_batches
from ._copying import not_copied
from ._frame import Frame

if TYPE_CHECKING:
    from typing_extensions import Self


class Batch:
    """One frame of each camera of a `Group`, in the order of its keys; None where a camera had none.

    Its frames hold leases, as those of a `Subscriber` do: the batch gives them up when it is closed, leaves its `with`, or
    is dropped with all its frames. Tensors taken from them stay valid.
    """

    def __init__(self, keys: tuple[str, ...], frames: tuple[Frame | None, ...], pts_ns: int) -> None:
        self._keys = keys
        self._frames = frames
        self._pts_ns = pts_ns
        times = [frame.pts_ns for frame in frames if frame]
        self._spread = max(times) - min(times)

    @property
    def keys(self) -> tuple[str, ...]:
        """The cameras."""
        return self._keys

    @property
    def frames(self) -> tuple[Frame | None, ...]:
        """Of each camera its frame, or None; at least one is there."""
        return self._frames

    @property
    def mask(self) -> tuple[bool, ...]:
        """Of each camera whether its frame is there."""
        return tuple(frame is not None for frame in self._frames)

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return None not in self._frames

    @property
    def pts_ns(self) -> int:
        """When it was captured: that of the frame which the others were chosen for. Nanoseconds of CLOCK_MONOTONIC."""
        return self._pts_ns

    @property
    def time(self) -> float:
        """`pts_ns` in seconds: as `time.monotonic()` counts."""
        return self._pts_ns / 1e9

    @property
    def age(self) -> float:
        """Seconds from then to now."""
        return (_clock.clock_gettime_ns(_clock.CLOCK_MONOTONIC) - self._pts_ns) / 1e9

    @property
    def spread(self) -> float:
        """Seconds between the earliest and the latest of its frames."""
        return self._spread / 1e9

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame | None]:
        return iter(self._frames)

    def __getitem__(self, camera: int | str) -> Frame | None:
        """The frame of a camera, by its number or its key."""
        if not isinstance(camera, str):
            return self._frames[camera]
        if camera not in self._keys:
            raise KeyError(f'there is no camera "{camera}" in this group')
        return self._frames[self._keys.index(camera)]

    def to_tensor(
        self,
        size: int | tuple[int, int] | None = None,
        dtype: Any = None,
        layout: str = "CHW",
        normalize: tuple[Any, Any] | None = None,
        letterbox: bool | float = False,
        device: Any = None,
        stream: object = None,
        out: Any = None,
    ) -> Any:
        """The pictures as one torch tensor for a model: RGB, `(cameras, 3, height, width)`, each as `Frame.to_tensor()` has
        it.

        The arguments are those of that, and the same for all cameras. size: None is that of `out`, or else of the frames,
        if all have the same. device: None is where `out` is, or else the first frame. Each frame is written into its part
        of the tensor, in one pass on one stream; a camera that has none has zeros, see `mask`. `out` is returned: with a
        CUDA graph give it the graph's input, before each replay.

        Close the batch when this has returned: on a GPU its release waits for the work. ValueError: arguments that do not
        fit, or cameras of different sizes without `size`. ImportError: no torch.
        """
        return _tensor_batches.to_tensor(self._frames, size, dtype, layout, normalize, letterbox, device, stream, out)

    def close(self) -> None:
        """Gives up its frames. Tensors taken from them stay valid. May be called again."""
        for frame in self._frames:
            if frame:
                frame.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "its frames belong to this process; other processes make a group of their own")

    def __repr__(self) -> str:
        there = sum(self.mask)
        return f"<cuframes.Batch {there} of {len(self)} frames, spread {self.spread * 1000:.1f} ms, at {id(self):#x}>"
