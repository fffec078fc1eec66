# SPDX-License-Identifier: LGPL-2.1-or-later
"""A slot of the ring, being written."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _native
from ._arguments import bits, nanoseconds, raw
from ._copying import not_copied
from ._dlpack import stream_number
from ._frame import PlanarFrame

if TYPE_CHECKING:
    from typing_extensions import Self


class Slot(PlanarFrame):
    """A slot of the ring to write the next frame into, in place.

        with publisher.acquire() as slot:
            torch.from_dlpack(slot.planes[0]).copy_(luma)
            slot.pts = captured_at

    Leaving the `with` block publishes it, unless by an exception, which gives it back unpublished. Publishing waits
    until the work is complete that was queued on the streams named by `__dlpack__(stream=…)` (torch and cupy name theirs)
    or `record_stream()`. After that the pixels must not be changed: tensors of the slot that are still alive keep its
    memory from being reused, but nothing keeps anybody from writing through them.

    One thread at a time.
    """

    _source: _native.Slot

    def __init__(self, native: _native.Slot, caps: str = "") -> None:
        super().__init__(native)
        self._caps = caps
        self._index = native.index
        self._epoch = native.epoch
        self._published = False
        self.pts: int | None = None
        """When the frame was captured or is to be shown: nanoseconds of CLOCK_MONOTONIC. None: when it is published."""
        self.dts: int | None = None
        """Likewise in decoding order; None: unknown."""
        self.duration: int | None = None
        """Nanoseconds; None: unknown."""
        self.flags = 0
        """GstBufferFlags for readers in pipelines."""
        self.metadata = b""
        """Opaque bytes for the readers' `Frame.metadata`."""

    @property
    def index(self) -> int:
        """Position in the ring, from 0."""
        return self._index

    @property
    def epoch(self) -> int:
        """The ring's generation."""
        return self._epoch

    @property
    def caps(self) -> str:
        """The ring's caps, which say what the numbers mean in colours."""
        return self._caps

    @property
    def published(self) -> bool:
        """Whether readers have it."""
        return self._published

    def record_stream(self, stream: object) -> None:
        """Says that work on `stream` writes the slot. An int as in `__dlpack__`, or a stream object."""
        self._source.record_stream(stream_number(stream))

    def publish(self, *, stream: object = None) -> None:
        """Makes the frame visible to readers, once all work queued on the known streams, and `stream`, is complete.

        Blocks for that, with the interpreter lock released. InvalidArgument: the ring was configured anew since.
        """
        if stream is not None:
            self.record_stream(stream)
        pts = time.monotonic_ns() if self.pts is None else self.pts
        self._source.publish(
            nanoseconds("pts", pts),
            nanoseconds("dts", self.dts),
            nanoseconds("duration", self.duration),
            bits("flags", self.flags),
            raw("metadata", self.metadata),
        )
        self._published = True
        self._source.release()

    def release(self) -> None:
        """Gives the slot back; unpublished, its frame never was. May be called again."""
        self._source.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._source.released:
                self.publish()
        finally:
            self.release()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "slot.copy() copies its pixels")

    def __repr__(self) -> str:
        state = "published" if self._published else "given back" if self._source.released else "being written"
        return f"<cuframes.Slot {self._index} {self._describe()} {state} at {id(self):#x}>"
