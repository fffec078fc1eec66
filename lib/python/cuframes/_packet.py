# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packets: bytes that an encoder made, and what their publisher said of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from . import _native
from ._copying import not_copied
from ._told import Described

if TYPE_CHECKING:
    import av
    from typing_extensions import Buffer


@dataclasses.dataclass(frozen=True)
class Brought:
    """What is to be published, and what it says of itself; None: nothing."""

    data: Buffer
    pts: int | None = None
    dts: int | None = None
    duration: int | None = None
    keyframe: bool = True
    flags: int = 0
    metadata: bytes = b""
    caps: str | None = None
    given: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What goes before all that."""

    @property
    def decoded_at(self) -> int | None:
        return self.pts if self.dts is None else self.dts


class Packet(Described, _native.PacketData):
    """A packet: one access unit of video, a piece of sound, or a record of metadata.

    It is the bytes themselves, which cannot be written: `bytes(packet)`, `memoryview(packet)`, `len(packet)`, and whatever
    takes the buffer protocol. They are the subscriber's own copy, and stay for as long as anything refers to them: a packet
    holds nothing of the log, may be kept for as long as you like, and outlives subscriber and publisher.

    Any thread. Nothing blocks.
    """

    _told: _native.Packet

    def __init__(self, native: _native.Packet) -> None:
        self._told = native

    @property
    def is_keyframe(self) -> bool:
        """Whether it can be decoded without those before it: a keyframe, sound, or whatever stands alone."""
        return not self._told.delta

    @property
    def behind(self) -> int:
        """Packets that were published after it when it was taken. Of the first one: how much past there was to come."""
        return self._told.behind

    def to_av(self, stream: av.stream.Stream | None = None, *, origin: int = 0) -> av.Packet[Any]:
        """The same as a packet of PyAV, to be decoded or muxed: a copy, with the room after it that FFmpeg reads over. PyAV
        takes no packet in others' memory, and copying 200 kB takes some 20 µs.

        Its times are nanoseconds (`time_base` 1/1000000000), less `origin`: with 0 those of decoded pictures are the
        times of capture. stream: the one of a file that it is for, as `cuframes.packets.add_stream()` makes it; then
        unknown times are filled in from those that are known.

        Needs PyAV.
        """
        from .packets import to_av

        return to_av(self, stream, origin)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "bytes(packet) copies its bytes; other processes subscribe by the key")

    def __repr__(self) -> str:
        kind = "keyframe" if self.is_keyframe else "delta"
        return f"<cuframes.Packet seq={self.sequence} {kind} {len(self)} bytes pts={self.pts} at {id(self):#x}>"


def brought_by(data: Packet | Buffer) -> Brought:
    """Bytes, or a packet of a subscriber, as what is to be published."""
    if not isinstance(data, Packet):
        return Brought(data)
    told = (data.pts, data.dts, data.duration)
    return Brought(data, *told, data.is_keyframe, data.flags, data.metadata, data.caps)
