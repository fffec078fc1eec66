# SPDX-License-Identifier: LGPL-2.1-or-later
"""What codecs are called: by GStreamer's caps, by FFmpeg, and in Matroska."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from fractions import Fraction

from ._caps import Caps
from ._matroska import Track
from .errors import InvalidArgument

_VIDEO = {
    "video/x-h264": "V_MPEG4/ISO/AVC",
    "video/x-h265": "V_MPEGH/ISO/HEVC",
    "video/x-av1": "V_AV1",
    "video/x-vp8": "V_VP8",
    "video/x-vp9": "V_VP9",
    "image/jpeg": "V_MJPEG",
}
_MPEG_VIDEO = {1: "V_MPEG1", 2: "V_MPEG2", 4: "V_MPEG4/ISO/ASP"}
_AUDIO = {"audio/x-opus": "A_OPUS", "audio/x-ac3": "A_AC3", "audio/x-eac3": "A_EAC3"}
_G711 = {"audio/x-alaw": 6, "audio/x-mulaw": 7}

# By FFmpeg's names, up to where pictures and sound begin to differ.
_CAPS = {
    "h264": "video/x-h264, stream-format=(string){form}, alignment=(string)au",
    "hevc": "video/x-h265, stream-format=(string){form}, alignment=(string)au",
    "av1": "video/x-av1, stream-format=(string)obu-stream, alignment=(string)tu",
    "vp8": "video/x-vp8",
    "vp9": "video/x-vp9",
    "mjpeg": "image/jpeg, parsed=(boolean)true",
    "mpeg1video": "video/mpeg, mpegversion=(int)1, systemstream=(boolean)false, parsed=(boolean)true",
    "mpeg2video": "video/mpeg, mpegversion=(int)2, systemstream=(boolean)false, parsed=(boolean)true",
    "mpeg4": "video/mpeg, mpegversion=(int)4, systemstream=(boolean)false, parsed=(boolean)true",
    "aac": "audio/mpeg, mpegversion=(int)4, stream-format=(string){form}, framed=(boolean)true",
    "mp3": "audio/mpeg, mpegversion=(int)1, layer=(int)3, parsed=(boolean)true",
    "mp2": "audio/mpeg, mpegversion=(int)1, layer=(int)2, parsed=(boolean)true",
    "opus": "audio/x-opus, channel-mapping-family=(int)0",
    "ac3": "audio/x-ac3, framed=(boolean)true",
    "eac3": "audio/x-eac3, framed=(boolean)true",
    "pcm_alaw": "audio/x-alaw",
    "pcm_mulaw": "audio/x-mulaw",
    "pcm_s16le": "audio/x-raw, format=(string)S16LE, layout=(string)interleaved",
}
# Whose codec data caps have too.
_WITH_DATA = {"h264", "hevc", "av1", "mpeg4", "aac"}

# Numbers of NAL units: parameter sets, and those with which a picture's own begin.
_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}
_START_CODE = re.compile(rb"\x00\x00\x01(?=.)", re.DOTALL)


def track_of(caps: Caps, sets: bytes = b"") -> Track:
    """The header of a file with such packets. `sets`: their parameter sets, where caps have no codec data."""
    name = caps.name
    data = caps.data("codec_data") or sets
    codec = _VIDEO.get(name) or (_MPEG_VIDEO.get(caps.number("mpegversion") or 0) if name == "video/mpeg" else None)
    if codec:
        return Track(codec, data, (caps.number("width") or 0, caps.number("height") or 0))
    rate, channels = caps.number("rate") or 48000, caps.number("channels") or 1
    if name == "audio/mpeg" and caps.number("mpegversion") == 1:
        return Track(f"A_MPEG/L{caps.number('layer') or 3}", b"", None, rate, channels)
    if name == "audio/mpeg" and caps.text("stream-format") in (None, "raw"):
        return Track("A_AAC", data, None, rate, channels)
    if name == "audio/x-opus":
        data = next(iter(caps.headers()), b"") or struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 0, rate, 0, 0)
    if name in _AUDIO:
        return Track(_AUDIO[name], data, None, rate, channels)
    if name in _G711:
        wave = struct.pack("<HHIIHHH", _G711[name], channels, rate, rate * channels, channels, 8, 0)
        return Track("A_MS/ACM", wave, None, rate, channels, 8)
    if name == "audio/x-raw" and caps.text("format") == "S16LE":
        return Track("A_PCM/INT/LIT", b"", None, rate, channels, 16)
    raise InvalidArgument(f'there is no way from caps of "{name}" to PyAV here')


def caps_text(
    codec: str,
    data: bytes,
    *,
    size: tuple[int, int] | None = None,
    framerate: Fraction | None = None,
    rate: int = 0,
    channels: int = 0,
) -> str:
    """Caps of what FFmpeg calls `codec`, with codec data of its form."""
    if codec not in _CAPS:
        raise InvalidArgument(f'there are no caps here for what FFmpeg calls "{codec}": say them, as caps=…')
    caps = _CAPS[codec].format(form=_form(codec, data))
    if size is not None and all(size):
        caps += f", width=(int){size[0]}, height=(int){size[1]}"
        if framerate is not None and 0 < framerate <= 1000:
            caps += f", framerate=(fraction){framerate.numerator}/{framerate.denominator}"
    if rate:
        caps += f", rate=(int){rate}, channels=(int){channels}"
    if data and codec in _WITH_DATA and not is_in_band(codec, data):
        caps += f", codec_data=(buffer){data.hex()}"
    return caps


def _form(codec: str, data: bytes) -> str:
    if codec == "aac":
        return "raw" if data else "adts"
    if is_in_band(codec, data):
        return "byte-stream"
    return "avc" if codec == "h264" else "hvc1"


def is_in_band(codec: str, data: bytes) -> bool:
    """Whether what FFmpeg has as codec data is parameter sets of a byte stream, or nothing, and packets are one."""
    return codec in _SETS and data[:1] != b"\x01"


def parameter_sets(codec: str, packet: bytes) -> bytes:
    """The parameter sets before the picture of a byte stream's packet, with their start codes."""
    sets = []
    for unit in _units(packet):
        number = unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63
        if number in _SETS[codec]:
            sets.append(b"\x00\x00\x00\x01" + unit)
        elif 1 <= number <= 5 or (codec == "hevc" and number < 32):
            break
    return b"".join(sets)


def _units(packet: bytes) -> Iterator[bytes]:
    """NAL units, one by one: what follows the parameter sets is most of a packet, and is not looked at."""
    start = None
    for found in _START_CODE.finditer(packet):
        if start is not None:
            yield packet[start : found.start()].rstrip(b"\x00")
        start = found.end()
    if start is not None:
        yield packet[start:]
