# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Matroska file of one track and no packets.

It is how caps become what FFmpeg knows of a stream: PyAV has no other way to say a codec's data, a picture's size or the
channels of sound for packets that it has not demuxed itself.
"""

from __future__ import annotations

import dataclasses
import struct


@dataclasses.dataclass(frozen=True)
class Track:
    """What a track's header says."""

    codec: str
    """Matroska's name: "V_MPEG4/ISO/AVC"."""
    private: bytes = b""
    size: tuple[int, int] | None = None
    """Width and height, of video; None: it is sound."""
    rate: int = 0
    channels: int = 0
    bits: int = 0


def _element(identity: str, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes.fromhex(identity) + struct.pack(">Q", len(content) | 1 << 56) + content


def _number(identity: str, value: int) -> bytes:
    return _element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def file_of(track: Track) -> bytes:
    """The file's bytes."""
    if track.size is not None:
        kind, details = 1, _element("E0", _number("B0", track.size[0]), _number("BA", track.size[1]))
    else:
        depth = _number("6264", track.bits) if track.bits else b""
        rate = _element("B5", struct.pack(">d", track.rate))
        kind, details = 2, _element("E1", rate, _number("9F", track.channels), depth)
    private = _element("63A2", track.private) if track.private else b""
    codec = _element("86", track.codec.encode())
    entry = _element("AE", _number("D7", 1), _number("73C5", 1), _number("83", kind), codec, private, details)
    # Times are counted in nanoseconds.
    info = _element("1549A966", _number("2AD7B1", 1), _element("4D80", b"cuframes"), _element("5741", b"cuframes"))
    head = _element("1A45DFA3", _element("4282", b"matroska"), _number("4287", 4), _number("4285", 2))
    return head + _element("18538067", info, _element("1654AE6B", entry), _element("1F43B675", _number("E7", 0)))
