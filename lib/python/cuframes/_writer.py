# SPDX-License-Identifier: LGPL-2.1-or-later
"""What publishers of any content have in common: their readers, ending, and who they are."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from . import _native
from ._arguments import count, folder, limit, nanoseconds, seconds, text, whole
from ._copying import not_copied
from .errors import Closed, Forked, InvalidArgument

if TYPE_CHECKING:
    from typing_extensions import Self

Policy = Literal["drop", "wait"]

_POLICIES = {"drop": 0, "wait": 1}


class Options(TypedDict):
    """As the native module takes them."""

    key: str
    directory: str
    access: str
    policy: int
    wait_timeout_ms: int
    max_subscribers: int


class Writer:
    """Base of `Publisher` and `PacketPublisher`."""

    _handle: _native.Writer | None = None

    def _options(
        self,
        key: str,
        directory: str | os.PathLike[str] | None,
        access: str,
        policy: Policy,
        wait_timeout_ms: int,
        max_subscribers: int,
        wait_timeout: float | None,
    ) -> Options:
        if policy not in _POLICIES:
            raise InvalidArgument(f'policy is "drop" or "wait", not {policy!r}')
        max_subscribers = count("max_subscribers", max_subscribers, 1, 64)
        wait_timeout_ms = whole("wait_timeout_ms", wait_timeout_ms, "milliseconds")
        if wait_timeout is not None:
            if wait_timeout_ms != _native.DEFAULT_WAIT_TIMEOUT_MS:
                raise InvalidArgument("give wait_timeout in seconds or wait_timeout_ms, not both")
            wait_timeout_ms = math.ceil(seconds("wait_timeout", wait_timeout) / 1e6)
        if not 0 <= wait_timeout_ms < 2**32:
            raise InvalidArgument(f"wait_timeout_ms is 0 or more milliseconds, of 32 bits, not {wait_timeout_ms}")
        self._key = text("key", key)
        return {
            "key": key,
            "directory": folder(directory),
            "access": text("access", access),
            "policy": _POLICIES[policy],
            "wait_timeout_ms": wait_timeout_ms,
            "max_subscribers": max_subscribers,
        }

    def set_latency(self, latency_ns: int | None) -> None:
        """Tells readers how long after its capture (`pts`) a frame is published at the latest; None: not known.

        Pipelines that show the frames wait for just that long. Where it is not told they measure.
        """
        self._open().set_latency(nanoseconds("latency_ns", latency_ns))

    def eos(self) -> None:
        """Ends the stream: readers' iterations end after the last frame. Publishing again revives it."""
        self._open().eos()

    # ------------------------------------------------------------------------------------------------- readers

    def wait_subscribers(self, count: int = 1, timeout_ms: int = -1, *, timeout: float | None = None) -> None:
        """Waits until `count` readers are attached: so many milliseconds, or `timeout` seconds; for ever where neither is
        given. FrameTimeout: they did not come.
        """
        readers = whole("count", count, "readers")
        if not 0 <= readers < 2**32:
            raise InvalidArgument(f"count is 0 or more readers, not {readers}")
        self._open().wait_subscribers(readers, limit(timeout_ms, timeout))

    def stats(self) -> dict[str, Any]:
        """A snapshot, ready for JSON."""
        raise NotImplementedError

    def subscribers(self) -> list[dict[str, Any]]:
        """Who is attached: id, name, pid, mode, max_held, held, lag, received, skipped and lost of each."""
        return self._open().subscribers()

    # ------------------------------------------------------------------------------------------------- ending

    def close(self) -> None:
        """Gives the key back; readers learn that the publisher is gone, and keep what they hold. May be called again."""
        if self._handle is not None:
            self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is None:
            # What it had to publish is published. Closed in the block, or left in a child: there is nothing to end.
            with contextlib.suppress(Closed, Forked):
                self.eos()
        self.close()

    def __del__(self) -> None:
        if self._handle is not None and not self._handle.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            self._handle.close()

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def key(self) -> str:
        """The name that readers ask for."""
        return self._key

    @property
    def socket_path(self) -> str:
        """Where the socket is."""
        return self._open().socket_path

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._handle is None or self._handle.closed

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise not_copied(self, "it has its key alone: make one in the process that publishes")

    # ------------------------------------------------------------------------------------------------- inside

    def _open(self) -> _native.Writer:
        assert self._handle is not None, "set by the constructor"
        return self._handle
