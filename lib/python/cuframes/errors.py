# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong, by what a program does about it.

Every exception of this package is an `Error`; several are also the built-in exception that fits (`FrameTimeout` is a
`TimeoutError`, and so on). `code` and `name` are those of the C library. Refusals inside `__dlpack__` are the built-in
`BufferError`, as the protocol asks; wrong tensors given to `Publisher.send()` are `TypeError` and `ValueError`.

The eight classes that code written for cuframes 0.4 catches keep their old names too: `CuframesPublisherGone` is
`PublisherGone`, and so on; `CuframesError` is `Error`.
"""

from __future__ import annotations

from . import _native

__all__ = [
    "AccessDenied",
    "Closed",
    "CuframesDeviceLost",
    "CuframesError",
    "CuframesFrameTimeout",
    "CuframesInternal",
    "CuframesInvalidArgument",
    "CuframesOutOfMemory",
    "CuframesProtocolMismatch",
    "CuframesPublisherGone",
    "CuframesShmError",
    "DeviceLost",
    "EndOfStream",
    "Error",
    "Forked",
    "FrameTimeout",
    "Internal",
    "InvalidArgument",
    "KeyInUse",
    "LeasesExhausted",
    "NoFreeSlot",
    "OtherContent",
    "OutOfMemory",
    "ProtocolMismatch",
    "PublisherGone",
    "RingFull",
    "ShmError",
]


class Error(Exception):
    """Base of all exceptions of this package. The message names what was wrong and what to do."""

    def __init__(self, message: str = "", code: int = 0) -> None:
        super().__init__(message)
        self.code = code
        """The C library's error value, negative; 0 if the failure is the package's own."""

    @property
    def name(self) -> str:
        """The C library's name of `code`, e.g. "CUFRAMES_ERROR_TIMEOUT"; "" if the failure is the package's own."""
        return _native.error_name(self.code) if self.code else ""


class PublisherGone(Error, ConnectionError):
    """The publisher died, closed, or did not come in time. Subscribe again, or wait for the next one."""


class EndOfStream(PublisherGone):
    """The publisher ended its stream, and every frame before was delivered. Iteration ends instead of raising it."""


class FrameTimeout(Error, TimeoutError):
    """Nothing arrived in the time given. Wait on, or report it."""


class DeviceLost(Error):
    """The GPU, its driver or the sharing of its memory failed, or the ring lies where this GPU cannot read it."""


class ShmError(Error):
    """A socket, a directory or shared memory could not be used; the message names it."""


class ProtocolMismatch(Error):
    """Publisher and subscriber speak different protocols. Install the same cuframes on both sides."""


class InvalidArgument(Error, ValueError):
    """An argument is out of range or contradicts another, or a key has characters that are not allowed."""


class OutOfMemory(Error, MemoryError):
    """Host or GPU memory could not be had."""


class Internal(Error):
    """Something that should not happen. Please report it."""


class KeyInUse(Error):
    """A live publisher holds the key; the message has its pid."""


class AccessDenied(Error, PermissionError):
    """The publisher's access rule does not admit this user."""


class OtherContent(Error):
    """The key carries another content than was asked for; the message says which. Ask for that one, or another key."""


class RingFull(Error):
    """The ring has no room for another reader; the message says how many slots it would need."""


class NoFreeSlot(Error):
    """Every slot is leased by a reader or held by this process. Drop the frame (`Publisher.drop()`), or wait."""


class LeasesExhausted(Error):
    """All `max_held` frames are held, or with None all that the ring can spare.

    Drop tensors and frames of earlier ones; or subscribe with a larger `max_held`, or let the publisher's ring grow further.
    """


class Forked(Error, RuntimeError):
    """The object was made before fork(). Make a new one in the child, or start processes with spawn."""


class Closed(Error, ValueError):
    """The subscriber or publisher was closed."""


# One list with the C library's names and sentences: a class that it names and that is not here fails at once.
_BY_CODE: dict[int, type[Error]] = {code: globals()[name] for code, name in _native.error_classes().items()}


def from_code(code: int, message: str) -> Error:
    """The exception for an error of the C library."""
    return _BY_CODE.get(code, Internal)(message, code)


CuframesError = Error
CuframesPublisherGone = PublisherGone
CuframesFrameTimeout = FrameTimeout
CuframesDeviceLost = DeviceLost
CuframesShmError = ShmError
CuframesProtocolMismatch = ProtocolMismatch
CuframesInvalidArgument = InvalidArgument
CuframesOutOfMemory = OutOfMemory
CuframesInternal = Internal
