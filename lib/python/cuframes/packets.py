# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packets from PyAV and for PyAV: to decode what a camera sends, to record it, and to publish what PyAV demuxes.

    decoder = cuframes.packets.Decoder()
    for packet in cuframes.subscribe_packets("cam-gate.h264", start="keyframe"):
        for picture in decoder.decode(packet):
            print(picture.pts, picture)

Nothing here imports PyAV before it is used; 17 or newer is meant.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._arrival_clock import Clock
from ._caps import Caps
from ._codecs import caps_text, is_in_band, parameter_sets, track_of
from ._matroska import file_of
from ._packet import Brought, Packet
from .errors import InvalidArgument

if TYPE_CHECKING:
    import av

__all__ = ["Decoder", "add_stream", "caps_of", "codec_context", "to_av"]

_SECOND = 1_000_000_000
_FFMPEG = {"video/x-h264": "h264", "video/x-h265": "hevc"}


def codec_context(caps: str) -> av.CodecContext:
    """A decoder of PyAV's for packets of such caps: `Packet.caps`. InvalidArgument: there is none.

    It takes `Packet.to_av()`, and its pictures' times are those of capture. `Decoder` makes one by itself, and another
    where caps change.
    """
    context: av.CodecContext = _described(Caps(caps)).codec_context
    return context


def add_stream(output: av.container.OutputContainer, packet: Packet) -> av.stream.Stream:
    """A stream in a file of PyAV's for this packet, a keyframe, and those that follow it: nothing is encoded anew.

        stream = cuframes.packets.add_stream(output, packet)
        output.mux(packet.to_av(stream, origin=packet.pts_ns))

    Make those of all keys before the first packet is muxed. InvalidArgument: no such stream can be made of these caps, or
    their parameter sets are neither in the caps nor in this packet.
    """
    caps = Caps(packet.caps)
    sets = b""
    codec = _FFMPEG.get(caps.name)
    if codec and caps.data("codec_data") is None:
        sets = parameter_sets(codec, bytes(packet))
        if not sets:
            raise InvalidArgument(
                f"{packet!r} has no parameter sets, without which no file can be made: begin with a keyframe"
            )
    stream: av.stream.Stream = output.add_stream_from_template(_described(caps, sets), opaque=True)
    return stream


def caps_of(source: av.stream.Stream | av.CodecContext) -> str:
    """The caps of what a stream of PyAV's, or an encoder, has in its packets. InvalidArgument: there are none here."""
    context: Any = getattr(source, "codec_context", source)
    if context is None:
        if getattr(source, "name", None) == "klv":
            return "meta/x-klv, parsed=(boolean)true"
        raise InvalidArgument(f"there are no caps here for {source!r}: say them, as caps=…")
    codec, data = context.codec.canonical_name, context.extradata or b""
    if context.type == "video":
        told = getattr(source, "average_rate", None) or getattr(source, "guessed_rate", None) or context.framerate
        rate = Fraction(told.numerator, told.denominator) if told is not None and told.denominator else None
        return caps_text(codec, data, size=(context.width, context.height), framerate=rate)
    return caps_text(codec, data, rate=context.sample_rate, channels=len(context.layout.channels))


def to_av(packet: Packet, stream: av.stream.Stream | None = None, origin: int = 0) -> av.Packet[Any]:
    """`Packet.to_av()`."""
    import av

    # Memory of FFmpeg's own: its decoders read over the end of what they are given, and PyAV has no way to say that ours
    # could be read so far, too.
    made: Any = av.Packet(len(packet))
    if len(packet):
        made.update(packet)
    pts, dts = packet.pts, packet.dts
    if stream is not None:
        made.stream = stream
        dts = dts if dts is not None else packet.pts_ns
        pts = pts if pts is not None else dts
    made.time_base = Fraction(1, _SECOND)
    made.pts = None if pts is None else pts - origin
    made.dts = None if dts is None else dts - origin
    if packet.duration is not None:
        made.duration = packet.duration
    made.is_keyframe = packet.is_keyframe
    return made  # type: ignore[no-any-return]


class Decoder:
    """A decoder that follows its packets: made for the first one's caps, made anew where caps change, and emptied where
    packets are missing or another publisher goes on.

    One thread at a time.
    """

    def __init__(self) -> None:
        self.context: av.CodecContext | None = None
        """PyAV's decoder, from the first packet on."""
        self._caps: str | None = None

    def decode(self, packet: Packet) -> list[Any]:
        """Pictures, or pieces of sound, that are complete with this packet; `pts` of each is in nanoseconds, of capture.

        What a decoder still had of a stream before comes first. Damaged packets raise PyAV's exceptions; the next
        keyframe may follow all the same.
        """
        before: list[Any] = []
        if self.context is None or packet.caps != self._caps:
            before = self.flush()
            self.context, self._caps = codec_context(packet.caps), packet.caps
        elif packet.discontinuity:
            before = self.flush()
        return before + _decode(self.context, packet.to_av())

    def flush(self) -> list[Any]:
        """What the decoder still has: at the end of a stream. Packets may follow."""
        if self.context is None or not self.context.is_open:
            return []
        rest = _decode(self.context, None)
        self.context.flush_buffers()
        return rest


def _decode(context: Any, packet: av.Packet[Any] | None) -> list[Any]:
    decoded: list[Any] = context.decode(packet)
    return decoded


def _described(caps: Caps, sets: bytes = b"") -> Any:
    """A stream of PyAV's with such packets."""
    import av

    file = av.open(io.BytesIO(file_of(track_of(caps, sets))), format="matroska")
    return file.streams[0]


class Arrivals:
    """Packets that PyAV demuxed or encoded, as what is to be published."""

    def __init__(self, caps_are_given: bool) -> None:
        self._caps_are_given = caps_are_given
        self._stream: Any = None
        self._caps: str | None = None
        self._codec = ""
        self._sets = b""
        self._clock: Clock | None = None
        self._held: list[Brought] = []
        self._reorders = False
        """And no packet has told yet when it is decoded."""

    def take(self, packet: av.Packet[Any], given: dict[str, Any]) -> list[Brought]:
        """What can be published now; nothing, while the clock is not known yet, or times of decoding that are about to be.
        `given` goes before what the packet says."""
        if self._clock is None or packet.stream is not self._stream:
            self._begin(packet)
        assert self._clock is not None
        data: Any = packet
        if self._sets and packet.is_keyframe and not parameter_sets(self._codec, bytes(packet)):
            # They were told once, before the first packet; who begins at this one has not heard of them.
            data = self._sets + bytes(packet)
        pts, dts, duration = (
            _nanoseconds(packet, value) for value in (packet.pts, packet.dts, packet.duration or None)
        )
        brought = Brought(data, pts, dts, duration, packet.is_keyframe, caps=self._caps, given=given)
        self._held.append(brought)
        self._clock.see(self, brought.decoded_at)
        self._reorders = self._reorders and brought.dts is None and len(self._held) <= _MOST_REORDERED
        return self.rest() if self._clock.is_known and not self._reorders else []

    def rest(self) -> list[Brought]:
        """All that is held yet."""
        held, self._held = self._held, []
        _fill_in_times(held)
        return [self._captured(one) for one in held]

    def _captured(self, one: Brought) -> Brought:
        offset = self._clock.offset if self._clock is not None else 0
        pts = None if one.pts is None else max(0, one.pts + offset)
        dts = None if one.dts is None else max(0, one.dts + offset)
        return dataclasses.replace(one, pts=pts, dts=dts)

    def _begin(self, packet: av.Packet[Any]) -> None:
        self._stream = packet.stream
        self._sets = b""
        self._reorders = False
        if packet.stream is None:
            if not self._caps_are_given:
                raise InvalidArgument(
                    "PyAV does not tell what this packet is of: give publish_packets() "
                    "caps=cuframes.packets.caps_of(encoder)"
                )
        else:
            context = packet.stream.codec_context
            if not self._caps_are_given:
                self._caps = caps_of(packet.stream)
            self._codec = "" if context is None else context.codec.canonical_name
            data = b"" if context is None else context.extradata or b""
            self._sets = data if is_in_band(self._codec, data) else b""
            self._reorders = bool(getattr(context, "has_b_frames", False))
        self._clock = Clock.of(None if packet.stream is None else packet.stream.container)


_MOST_REORDERED = 16
"""Pictures that the codecs let lie between decoding and showing one."""


def _nanoseconds(packet: av.Packet[Any], value: int | None) -> int | None:
    base = packet.time_base
    if value is None or not base:
        return None
    return value * _SECOND * base.numerator // base.denominator


def _fill_in_times(packets: list[Brought]) -> None:
    _fill_in_unknown(packets)
    _fill_in_decoding(packets)


def _fill_in_unknown(packets: list[Brought]) -> None:
    """The first packets of an RTSP stream may have no time: they were that much before the next ones that the step is."""
    known = [number for number, one in enumerate(packets) if one.decoded_at is not None]
    if not known or known[0] == 0:
        return
    times = [packets[number].decoded_at or 0 for number in known[:2]]
    step = times[1] - times[0] if len(times) == 2 else packets[known[0]].duration or 0
    for number in range(known[0]):
        at = times[0] - (known[0] - number) * step
        packets[number] = dataclasses.replace(packets[number], pts=at, dts=at)


def _fill_in_decoding(packets: list[Brought]) -> None:
    """Of a stream whose pictures come in another order, containers such as Matroska leave to be reckoned when the first
    ones are decoded: each a step before the next. Muxers would take the times at which they are shown, and be late with all
    that follow."""
    known = next((number for number, one in enumerate(packets) if one.dts is not None), 0)
    if known == 0:
        return
    shown = sorted({one.pts for one in packets if one.pts is not None})
    shortest = min((b - a for a, b in itertools.pairwise(shown)), default=0)
    step = packets[known].duration or shortest
    for number in range(known):
        at = (packets[known].dts or 0) - (known - number) * step
        pts = packets[number].pts
        packets[number] = dataclasses.replace(packets[number], dts=at if pts is None else min(at, pts))
