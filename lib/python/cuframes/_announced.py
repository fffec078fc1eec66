# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a publisher says of all that it publishes, told by its subscriber: format, size, rate and colours."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING

from ._caps import Caps
from ._inspection import inspect
from .errors import Error

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._frame import Frame


@dataclasses.dataclass(frozen=True)
class Announcement:
    """As of one generation. What is of frames alone is "" or 0 of packets."""

    caps: str
    format: str = ""
    width: int = 0
    height: int = 0
    memory: str = ""
    device: str = ""
    """Of a frame; a publisher cannot know what its reader calls a GPU."""

    @classmethod
    def of_frame(cls, frame: Frame) -> Self:
        return cls(frame.caps, frame.format, frame.width, frame.height, frame.memory, frame.device)

    @classmethod
    def of_publisher(cls, key: str, directory: str | None) -> Self | None:
        """Asked of it. None: it has nothing to say yet, or does not answer."""
        try:
            ring = inspect(key, directory=directory)
        except Error:
            return None
        if ring.content == "frames" and ring.width > 0:
            return cls(ring.caps, ring.format, ring.width, ring.height, ring.memory)
        return cls(ring.caps) if ring.content == "packets" and ring.caps else None


class Announced:
    """Such an announcement as properties, of subscribers of frames and of packets.

    They are there once a publisher has admitted us: asked of it before the first frame or packet, which blocks for less
    than a millisecond, or half a second where it is stopped, and those of the last one taken from then on. A publisher that
    changes them shows the new ones with its first frame. None: nobody is attached, or the publisher does not say.
    """

    def _announcement(self) -> Announcement | None:
        raise NotImplementedError

    def _caps(self) -> Caps:
        said = self._announcement()
        return Caps(said.caps if said else "")

    @property
    def caps(self) -> str | None:
        """The publisher's caps, "" if it gives none. None: not attached, or it has made no ring yet."""
        said = self._announcement()
        return said.caps if said else None

    @property
    def width(self) -> int | None:
        """Visible pixels of a row; of packets, of what they encode. None: not known."""
        said = self._announcement()
        return (said.width or Caps(said.caps).number("width")) if said else None

    @property
    def height(self) -> int | None:
        """Visible rows, likewise."""
        said = self._announcement()
        return (said.height or Caps(said.caps).number("height")) if said else None

    @property
    def framerate(self) -> Fraction | None:
        """Frames a second, by the caps. None: they do not say, or it varies (0/1)."""
        return self._caps().fraction("framerate")

    @property
    def colorimetry(self) -> str | None:
        """GStreamer's word for range, matrix, transfer and primaries, by the caps: "bt709", "2:4:7:1". None: they do not
        say."""
        return self._caps().text("colorimetry")
