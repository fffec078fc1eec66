# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishing packets: a log of the past seconds, for readers in other processes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import _native
from ._arguments import bits, nanoseconds, raw, seconds, whole
from ._packet import Brought, Packet, brought_by
from ._writer import Policy, Writer
from .errors import Closed, Forked, InvalidArgument

if TYPE_CHECKING:
    import av
    from typing_extensions import Buffer

    from .packets import Arrivals


_OF_FRAMES = {"slots", "memory", "copied"}
"""Statistics that packets do not have."""


class PacketPublisher(Writer):
    """The one publisher of a key that carries packets: keeps those of the past seconds, for readers to begin in.

    `publish_packets()` makes one.

        with cuframes.publish_packets("cam-gate.h264") as publisher, av.open("rtsp://…") as camera:
            for packet in camera.demux(video=0):
                publisher.send(packet)

    Whole groups of pictures leave the log first: the oldest goes when what is left still covers `max_time`, or when
    there is no room for the next packet in `max_bytes`.

    Leaving its `with` block ends the stream, so that readers' loops end after the last packet; an exception that leaves it
    does not, and readers learn that the publisher is gone.

    Threads: any. Blocking calls release the interpreter lock and end with Ctrl-C. After fork() every call raises `Forked`.
    """

    _handle: _native.PacketPublisher | None = None

    def __init__(
        self,
        key: str,
        caps: str | None = None,
        *,
        max_time: float = _native.DEFAULT_MAX_TIME / 1e9,
        max_bytes: int = _native.DEFAULT_MAX_BYTES,
        policy: Policy = "drop",
        wait_timeout_ms: int = _native.DEFAULT_WAIT_TIMEOUT_MS,
        max_subscribers: int = _native.DEFAULT_MAX_SUBSCRIBERS,
        access: str = "user",
        directory: str | os.PathLike[str] | None = None,
        wait_timeout: float | None = None,
    ) -> None:
        """
        key: the name that readers ask for, `A-Z a-z 0-9 . _ -`, up to 64. KeyInUse: a live publisher has it.
        caps: the media type as GStreamer writes it, `video/x-h264, stream-format=(string)byte-stream,
            alignment=(string)au`; None: that of the packets, where PyAV or a subscriber made them, else none.
        max_time: seconds of the past that are kept. max_bytes: bytes that are kept at most; memory is got as it is needed.
        policy: "drop" never waits for readers; "wait" waits up to `wait_timeout_ms`, or `wait_timeout` seconds, for those in
            STRICT_ORDER.
        access: who may read: "user", "group:NAME" or "all".
        directory: where the socket goes; None: as `default_directory()`.
        """
        common = self._options(key, directory, access, policy, wait_timeout_ms, max_subscribers, wait_timeout)
        longest = seconds("max_time", max_time)
        most = whole("max_bytes", max_bytes, "bytes")
        if longest == 0 or most <= 0:
            # Where the library would take its defaults.
            raise InvalidArgument(f"max_time and max_bytes are more than 0, not {max_time} and {max_bytes}")
        if not most < 2**63:
            raise InvalidArgument(f"max_bytes is 64 KiB to 64 GiB, not {most}")
        self._given_caps = caps
        self._caps = ""
        self._arrivals: Arrivals | None = None
        self._sending = threading.Lock()
        self._handle = _native.PacketPublisher(max_time=longest, max_bytes=most, **common)
        if caps is not None:
            try:
                self.caps = caps
            except BaseException:
                self.close()
                raise

    # ------------------------------------------------------------------------------------------------- packets

    @property
    def caps(self) -> str:
        """The media type of the packets that follow; may be set at any time. Each packet keeps that which it was sent
        with."""
        return self._caps

    @caps.setter
    def caps(self, caps: str) -> None:
        if not isinstance(caps, str):
            raise TypeError(f"caps are a text, as GStreamer writes them, not {caps!r}")
        with self._sending:
            self._open().set_caps(caps)
            self._given_caps = self._caps = caps

    def send(
        self,
        data: Buffer | Packet | av.Packet[Any],
        *,
        pts: int | None = None,
        dts: int | None = None,
        duration: int | None = None,
        keyframe: bool | None = None,
        flags: int | None = None,
        metadata: bytes | None = None,
    ) -> None:
        """Publishes a copy of a packet.

        data: whatever has the buffer protocol. A `Packet` of a subscriber brings its times, flags, metadata and caps. So
            does one of PyAV's: its times are the stream's steps from the time on at which the first one came, and
            its caps those of the stream that it is of. What is said here goes before what a packet brings, and
            `publish_packets(caps=…)` before its caps.
        pts: when what it shows was captured, nanoseconds of CLOCK_MONOTONIC; None: now. dts: likewise in decoding order;
            None: unknown. duration: nanoseconds.
        keyframe: whether it can be decoded without those before it; None: yes.
        flags, metadata: GstBufferFlags and serialized GstMetas, if a pipeline is to read it.

        Waits for nobody but under policy "wait". OutOfMemory: it is larger than the log, or than 64 MiB; it counts as
        dropped, readers learn of it, and the next packet is published as ever. Several threads may send; each packet is
        whole. What PyAV's demuxers give last, an empty packet for decoders, is passed over. The first second of a live
        source, which PyAV has looked into and gives at once, is published when its times are known, with the packet after;
        and so are the first pictures of a file that leaves it to be reckoned when they are decoded, as Matroska does.
        """
        self._open()
        said = {
            "pts": pts,
            "dts": dts,
            "duration": duration,
            "keyframe": keyframe,
            "flags": flags,
            "metadata": metadata,
        }
        given = {name: value for name, value in said.items() if value is not None}
        packet: Any = data
        with self._sending:
            if not isinstance(packet, getattr(sys.modules.get("av"), "Packet", ())):
                self._publish(dataclasses.replace(brought_by(packet), given=given))
            elif packet.size or packet.pts is not None or packet.dts is not None:
                for one in self._from_av().take(packet, given):
                    self._publish(one)

    def eos(self) -> None:
        """Ends the stream: readers' iterations end after the last packet. Sending again revives it."""
        with self._sending:
            self._publish_rest()
            super().eos()

    def close(self) -> None:
        """Gives the key back; readers learn that the publisher is gone, and keep what they have. May be called again."""
        if self._arrivals is not None and not self.closed and self._sending.acquire(blocking=False):
            # Else another thread is sending, and ends when it is closed.
            with contextlib.ExitStack() as locked, contextlib.suppress(Closed, Forked):
                locked.callback(self._sending.release)
                self._publish_rest()
        super().close()

    # ------------------------------------------------------------------------------------------------- what it is

    def window(self) -> dict[str, Any]:
        """What the log holds now, ready for JSON: as of `PacketSubscriber.window()`."""
        return self._open().window()

    def stats(self) -> dict[str, Any]:
        """published, dropped (larger than the log), lapped (left the log before a reader in STRICT_ORDER took them), bytes,
        waited_ns, subscribers, epoch, last_sequence, metadata_dropped (packets whose metadata did not fit) and refused
        (attempts to attach that were refused, for whatever reason)."""
        native = self._open().stats()
        return {name: number for name, number in native.items() if name not in _OF_FRAMES}

    def __repr__(self) -> str:
        what = "closed" if self.closed else self._caps.partition(",")[0] or "no caps yet"
        return f"<cuframes.PacketPublisher {self._key!r} {what} at {id(self):#x}>"

    # ------------------------------------------------------------------------------------------------- inside

    def _open(self) -> _native.PacketPublisher:
        assert self._handle is not None, "set by the constructor"
        return self._handle

    def _from_av(self) -> Arrivals:
        if self._arrivals is None:
            from .packets import Arrivals

            self._arrivals = Arrivals(caps_are_given=self._given_caps is not None)
        return self._arrivals

    def _publish_rest(self) -> None:
        for one in self._arrivals.rest() if self._arrivals is not None else []:
            self._publish(one)

    def _publish(self, one: Brought) -> None:
        one = dataclasses.replace(one, **one.given)
        if self._given_caps is None and one.caps is not None and one.caps != self._caps:
            self._open().set_caps(one.caps)
            self._caps = one.caps
        self._open().send(
            one.data,
            time.monotonic_ns() if one.pts is None else nanoseconds("pts", one.pts),
            nanoseconds("dts", one.dts),
            nanoseconds("duration", one.duration),
            not one.keyframe,
            bits("flags", one.flags),
            raw("metadata", one.metadata),
        )


def publish_packets(
    key: str,
    caps: str | None = None,
    *,
    max_time: float = _native.DEFAULT_MAX_TIME / 1e9,
    max_bytes: int = _native.DEFAULT_MAX_BYTES,
    policy: Policy = "drop",
    wait_timeout_ms: int = _native.DEFAULT_WAIT_TIMEOUT_MS,
    max_subscribers: int = _native.DEFAULT_MAX_SUBSCRIBERS,
    access: str = "user",
    directory: str | os.PathLike[str] | None = None,
    wait_timeout: float | None = None,
) -> PacketPublisher:
    """Takes the key and admits readers of packets from now on. The arguments are those of `PacketPublisher`."""
    return PacketPublisher(
        key,
        caps,
        max_time=max_time,
        max_bytes=max_bytes,
        policy=policy,
        wait_timeout_ms=wait_timeout_ms,
        max_subscribers=max_subscribers,
        access=access,
        directory=directory,
        wait_timeout=wait_timeout,
    )
