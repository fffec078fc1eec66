# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is shared on this host, and by whom, without attaching to it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from . import _native
from ._arguments import folder, limit, text

_CONTENTS = ("frames", "packets", "undecided")
_MEMORIES = {_native.MEMORY_HOST: "host", _native.MEMORY_CUDA: "cuda"}
_NO_TIME = 2**64 - 1


@dataclass(frozen=True)
class Ring:
    """One key, as of the moment when it was asked for.

    What only its publisher can tell is empty or None while `state` is "dead", "silent" or "refused".
    """

    key: str
    state: str
    """"live"; "waiting": nothing was published yet; "ended": the end of the stream came last; "dead": its publisher was
    killed, and the next one takes its place; "silent": its publisher did not answer in time, as it is stopped;
    "refused": it does not admit us, or speaks another version."""
    message: str
    """Of dead, silent and refused ones: why, and what to do."""
    path: str
    """Of the socket."""
    pid: int
    """The publisher's; 0: it is dead, or has no number in our PID namespace."""
    uid: int
    program: str
    """The name of the publisher's program."""
    content: str
    """"frames", "packets" or "undecided"."""
    policy: str
    """"drop" or "wait"."""
    caps: str
    memory: str
    """Of frames: "host" or "cuda"; else ""."""
    gpu_uuid: str
    """Of frames on a GPU, as `nvidia-smi -L` tells it."""
    format: str
    """Of frames; else ""."""
    width: int
    height: int
    rate: float
    """Frames or packets a second, of the last five seconds."""
    age: float | None
    """Seconds since the newest frame or packet became visible, when this was made. None: there is none."""
    stats: dict[str, Any]
    """What the publisher counts, as `Publisher.stats()`."""
    window: dict[str, Any] | None
    """Of packets, as `PacketPublisher.window()`."""
    subscribers: list[dict[str, Any]]
    """Who is attached, as `Publisher.subscribers()`."""


def _gpu(uuid: bytes) -> str:
    text = uuid.hex()
    parts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
    return "GPU-" + "-".join(parts) if any(uuid) else ""


def _ring(told: dict[str, Any], now: int) -> Ring:
    geometry = told.pop("geometry") or {"format": "", "width": 0, "height": 0}
    newest = told.pop("newest_time")
    answered = told["stats"] is not None
    return Ring(
        **{
            **told,
            **geometry,
            "content": _CONTENTS[told["content"]] if answered else "undecided",
            "policy": ("drop", "wait")[told["policy"]] if answered else "",
            "memory": _MEMORIES.get(told["memory"], ""),
            "gpu_uuid": _gpu(told["gpu_uuid"]),
            "stats": told["stats"] or {},
        },
        age=None if newest == _NO_TIME else max(now - newest, 0) / 1e9,
    )


def _rings(told: list[dict[str, Any]]) -> list[Ring]:
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return [_ring(one, now) for one in told]


def list_rings(*, directory: str | os.PathLike[str] | None = None, timeout: float | None = 0.5) -> list[Ring]:
    """All keys that are shared on this host, in the order of their names: `cuframes.list()`.

    Nothing is attached to: no publisher counts us, and none is told. All are asked at once; those that do not answer within
    `timeout` seconds (None: for ever) are "silent", and hold up nobody else. directory: where the sockets are; None: where
    subscribers look. Blocks with the interpreter lock released, a few milliseconds where all answer.
    """
    return _rings(_native.list_rings(folder(directory), limit(-1, timeout)))


def inspect(key: str, *, directory: str | os.PathLike[str] | None = None, timeout: float | None = 0.5) -> Ring:
    """The same of one key. PublisherGone: there is no publisher, and no dead one. InvalidArgument: it is no key."""
    return _rings(_native.inspect_ring(text("key", key), folder(directory), limit(-1, timeout)))[0]
