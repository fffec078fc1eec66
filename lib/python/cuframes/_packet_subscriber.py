# SPDX-License-Identifier: LGPL-2.1-or-later
"""Subscribing to packets: what an encoder made, from the past on if you like."""

from __future__ import annotations

import os
from typing import Any, Literal

from . import _native
from ._announced import Announcement
from ._arguments import limit, nanoseconds, seconds
from ._formats import SubscriberMode
from ._packet import Packet
from ._reader import OnGone, Reader
from .errors import InvalidArgument

Start = Literal["live", "keyframe"]

# As in cuframes_start.
_STARTS = {"live": 0, "keyframe": 1}
_PREROLL, _TIME = 2, 3


class PacketSubscriber(Reader[Packet]):
    """A reader of one publisher's packets, which begins where it likes in what its log holds.

    `subscribe_packets()` makes one and waits for the publisher; this constructor takes the same arguments but
    `connect_timeout_ms`, and never blocks: the first packet asked for connects. For asyncio that is the one to use.

        for packet in cuframes.subscribe_packets("cam-gate.h264", preroll=10):
            file.write(packet)

    It reads every packet in order. One that is slower than the log is long goes on with the oldest packet there is, a
    keyframe, and is told how many it missed (`Packet.missed`, `gap_count`). With a later publisher of the key it goes on
    with the first packet that this one still has.

    All else is as of a `Subscriber`: iteration and `async for` end with the stream, `PublisherGone` tells of a death, any
    thread may call, and close.
    """

    _handle: _native.PacketSubscriber
    _one = "packet"
    _received = "packets_received"
    _last_pts = "last_packet_pts_ns"

    def __init__(
        self,
        key: str,
        *,
        start: Start | None = None,
        preroll: float | None = None,
        since: int | None = None,
        consumer_name: str | None = None,
        mode: SubscriberMode = SubscriberMode.NEWEST_ONLY,
        directory: str | os.PathLike[str] | None = None,
        on_gone: OnGone = "raise",
    ) -> None:
        """
        key: the publisher's name, `A-Z a-z 0-9 . _ -`, up to 64. OtherContent, when it connects: it carries frames.
        start: "live", which is the default, begins with the next keyframe that comes, up to a GOP from now; "keyframe" with
            the newest that there is: something to decode at once.
        preroll: seconds of the past instead: begins with the newest keyframe at or before that time, or the oldest that
            there is. 0: none.
        since: a time of capture instead, as a frame's `pts_ns`: likewise.
        consumer_name: shown to the publisher; None: the program's name.
        mode: STRICT_ORDER has a publisher whose policy is "wait" wait for us. Every packet comes in both.
        directory: where the sockets are; None: as `default_directory()`.
        on_gone: "raise" `PublisherGone` when the publisher dies, or "wait" for the next one.
        """
        super().__init__(key, consumer_name, mode, directory, on_gone)
        self._last_caps = (0, 0)
        place, past, when = _begin(start, preroll, since)
        self._handle = _native.PacketSubscriber(
            key,
            "" if directory is None else self._directory,
            self._name,
            mode.value,
            on_gone == "raise",
            place,
            past,
            when,
        )

    def next_packet(self, timeout_ms: int = -1, *, timeout: float | None = None) -> Packet:
        """The next packet. Waits for it: so many milliseconds, or `timeout` seconds; for ever where neither is given.

        FrameTimeout: none came in time. EndOfStream: the publisher ended, and every packet was delivered; a further call
        waits for what follows. PublisherGone: it died.
        """
        return self._next(timeout_ms, timeout)

    async def next_packet_async(self, timeout_ms: int = -1, *, timeout: float | None = None) -> Packet:
        """`next_packet()` for asyncio: waits with no thread. May be cancelled at any time.

        Tasks that wait for packets of one subscriber get them in turn, and other tasks of the loop have theirs even if
        packets are always there.
        """
        return await self._next_async(timeout_ms, timeout)

    def fileno(self) -> int:
        """A descriptor to wait on for input: readable when `next_packet(0)` has something to do.

        From the first wait on, for packets and for the publisher's coming and going; now and then for nothing, which
        `next_packet(0)` tells by FrameTimeout. Owned by the subscriber.
        """
        return self._open().fileno()

    @property
    def packets_received(self) -> int:
        """Packets taken so far."""
        return self._counts["packets_received"]

    @property
    def last_packet_pts_ns(self) -> int:
        """`pts_ns` of the last packet; 0: none yet."""
        return self._counts["last_packet_pts_ns"]

    def window(self) -> dict[str, Any]:
        """What the publisher's log holds now, ready for JSON:

        packets, keyframes, bytes, oldest_time and newest_time (nanoseconds of CLOCK_MONOTONIC, by capture where that is
        known; None: there is none), keyframe_time (of the newest keyframe), and bit_rate (bits per second; 0: not known
        yet). Known from the moment on at which `subscribe_packets()` returns, or `connect()` does. Never blocks.
        InvalidArgument: before that, and while the next publisher is looked for.
        """
        self._open()
        return self._handle.window()

    def stats(self) -> dict[str, Any]:
        """A snapshot, ready for JSON: the counters above by their names, and

        lost (packets that left the log before we took them, or that the publisher dropped), reconnects (publishers
        after the first), publisher_pid (0: none), epoch, and state: "waiting", "attached", "ended" or "gone". Of a
        closed subscriber the last ones.
        """
        stats = self._stats("lost", "skipped", "reconnects", "publisher_pid", "epoch", "state")
        # The library names it by the mode; what left the log is lost in either.
        stats["lost"] += stats.pop("skipped", 0)
        return stats

    def _take(self, timeout_ms: int) -> Packet:
        self._open()
        native = self._handle.next(timeout_ms)
        packet = Packet(native)
        self._taken(packet.sequence, packet.missed, packet.pts_ns)
        if (native.epoch, native.caps_version) != self._last_caps:
            self._last_caps = (native.epoch, native.caps_version)
            self._announces(native.epoch, Announcement(packet.caps))
        return packet


def _begin(start: object, preroll: object, since: object) -> tuple[int, int, int]:
    """Where to begin, as the native module takes it: the place, and the past or the time that go with it."""
    given = [name for name, value in (("start", start), ("preroll", preroll), ("since", since)) if value is not None]
    if len(given) > 1:
        raise InvalidArgument(f"{' and '.join(given)} each say where to begin: give one of them")
    if preroll is not None:
        return (_PREROLL, seconds("preroll", preroll), -1)
    if since is not None:
        return (_TIME, 0, nanoseconds("since", since))
    if start is None:
        start = "live"
    if not isinstance(start, str) or start not in _STARTS:
        raise InvalidArgument(f'start is "live" or "keyframe", not {start!r}; preroll= and since= say how far back')
    return (_STARTS[start], 0, -1)


def subscribe_packets(
    key: str,
    *,
    start: Start | None = None,
    preroll: float | None = None,
    since: int | None = None,
    consumer_name: str | None = None,
    mode: SubscriberMode = SubscriberMode.NEWEST_ONLY,
    connect_timeout_ms: int = -1,
    connect_timeout: float | None = None,
    directory: str | os.PathLike[str] | None = None,
    on_gone: OnGone = "raise",
) -> PacketSubscriber:
    """Subscribes to a publisher of packets, and waits until it admits us: up to `connect_timeout_ms`,
    or `connect_timeout` in seconds; for ever where neither is given.

    The other arguments are those of `PacketSubscriber`; `start`, `preroll` and `since` say where to begin. Blocks with the
    interpreter lock released; Ctrl-C ends it. PublisherGone: no publisher came in time. OtherContent: the key carries
    frames. RingFull, AccessDenied, ProtocolMismatch: it refused us, and said why.
    """
    subscriber = PacketSubscriber(
        key,
        start=start,
        preroll=preroll,
        since=since,
        consumer_name=consumer_name,
        mode=mode,
        directory=directory,
        on_gone=on_gone,
    )
    return subscriber._connected(limit(connect_timeout_ms, connect_timeout, "connect_timeout"))
