# SPDX-License-Identifier: LGPL-2.1-or-later
"""The protocol's arguments, both ways: what consumers ask of us, and how we ask producers.

The rules are those of the Python array API's `__dlpack__` (2023.12 and later) and of the DLPack header.
"""

from __future__ import annotations

import contextlib
import enum
import operator
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

from . import _native

if TYPE_CHECKING:
    from typing_extensions import CapsuleType as CapsuleType
else:
    CapsuleType = object


class DeviceType(enum.IntEnum):
    """DLPack's device types, as far as frames can be on them."""

    CPU = 1
    CUDA = 2
    CUDA_HOST = 3
    CUDA_MANAGED = 13


Device = tuple[int, int]
"""(device type, device id)."""

STREAM_NONE: int = _native.STREAM_NONE
STREAM_NO_SYNC = -1
STREAM_LEGACY = 1
STREAM_PER_THREAD = 2


class SupportsDLPack(Protocol):
    """A tensor of any library."""

    def __dlpack__(self, *, stream: int | None = ...) -> CapsuleType: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...


def is_gpu(device: Device) -> bool:
    """Whether its tensors are in GPU memory."""
    return device[0] in (DeviceType.CUDA, DeviceType.CUDA_MANAGED)


def device_text(device: Device) -> str:
    """ "cpu" or "cuda:0"."""
    if is_gpu(device):
        return f"cuda:{device[1]}"
    return "cpu"


def parse_device(device: str) -> Device:
    """From "cpu", "cuda" or "cuda:1"."""
    kind, _, number = device.partition(":")
    if kind == "cpu" and number in ("", "0"):
        return (DeviceType.CPU, 0)
    if kind == "cuda" and (number == "" or number.isdecimal()):
        return (DeviceType.CUDA, int(number or 0))
    raise ValueError(f'there is no device "{device}"; use "cpu", "cuda" or "cuda:N"')


def stream_number(stream: object) -> int:
    """A stream as a number: an int as in `__dlpack__`, or an object of torch, cupy, numba or cuda.core."""
    with contextlib.suppress(TypeError):
        number = operator.index(stream)  # type: ignore[arg-type]
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"stream {number} is no stream: it is longer than an address")
        return number
    protocol = getattr(stream, "__cuda_stream__", None)
    if protocol is not None:
        return _kept(_pointer_as_stream(int((protocol() if callable(protocol) else protocol)[1])), stream)
    for attribute in ("cuda_stream", "ptr", "handle"):
        pointer = getattr(stream, attribute, None)
        if pointer is not None:
            return _kept(_pointer_as_stream(int(getattr(pointer, "value", pointer) or 0)), stream)
    raise TypeError(f"{type(stream).__name__} is no CUDA stream: give its pointer, or an object with .cuda_stream")


#: Streams that were named last, by number. Releases ask the driver about them, and a driver that is asked of a stream which
#: was destroyed ends the process: some libraries destroy theirs with the object, long before a tensor that was read on it.
_named: dict[int, object] = {}
_named_lock = threading.Lock()
_MOST_NAMED = 256


def _kept(number: int, stream: object) -> int:
    if number > STREAM_PER_THREAD:
        with _named_lock:
            _named.pop(number, None)
            _named[number] = stream
            # Dropped outside of the lock, as that may call anything.
            oldest = _named.pop(next(iter(_named))) if len(_named) > _MOST_NAMED else None
        del oldest
    return number


def _keep_current(number: int) -> None:
    """A consumer names a stream by number alone. cupy's, which it destroys with the object, is its current one."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and number > STREAM_PER_THREAD:
        current = cupy.cuda.get_current_stream()
        if current.ptr == number:
            _kept(number, current)


def _pointer_as_stream(pointer: int) -> int:
    # A stream object whose pointer is NULL is the legacy default stream; the number 0 would be ambiguous.
    return pointer or STREAM_LEGACY


def check_stream(stream: object, device: Device) -> int:
    """The stream of a `__dlpack__` call as the native module takes it.

    ValueError for numbers that cannot be meant, TypeError for what is no stream: BufferError is for data.
    """
    if stream is None:
        return STREAM_NONE
    stream = stream_number(stream)
    if device[0] != DeviceType.CUDA:
        if stream == STREAM_NO_SYNC:
            return STREAM_NONE
        raise ValueError(f"frames in host memory have no stream; stream must be None, not {stream}")
    if stream == 0:
        raise ValueError("stream 0 is ambiguous; 1 is the legacy default stream, 2 the per-thread one")
    if stream < STREAM_NO_SYNC:
        raise ValueError(f"stream {stream} is no stream; -1 asks for no synchronization")
    _keep_current(stream)
    return stream


def pair(name: str, value: object) -> tuple[int, int]:
    """Two whole numbers. TypeError: no tuple of numbers; ValueError: more or fewer."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} is a tuple of two numbers, not {value!r}")
    if len(value) != 2:
        raise ValueError(f"{name} is a tuple of two numbers, not {value!r}")
    try:
        return (operator.index(value[0]), operator.index(value[1]))
    except TypeError:
        raise TypeError(f"{name} is a tuple of two numbers, not {value!r}") from None


def wants_versioned(max_version: object) -> bool:
    """Whether the consumer can take the struct of DLPack 1.0."""
    return max_version is not None and pair("max_version", max_version)[0] >= 1


def check_copy(copy: object) -> bool | None:
    """The argument `copy` of a `__dlpack__` call."""
    if copy is None or isinstance(copy, bool):
        return copy
    if type(copy).__name__ in ("bool", "bool_"):  # NumPy's
        return bool(copy)
    raise TypeError(f"copy is True, False or None, not {copy!r}")


def request(source: Any, stream: int | None) -> CapsuleType:
    """A capsule of `source`, which makes `stream` wait for its pixels; None on the CPU.

    Producers differ in the arguments they know: newest first, and only a TypeError is taken as "not known".
    """
    if type(source).__name__ == "PyCapsule":
        return source  # type: ignore[no-any-return]
    dlpack = getattr(source, "__dlpack__", None)
    if dlpack is None:
        raise TypeError(f"{type(source).__name__} is no tensor: it has no __dlpack__")
    attempts: list[dict[str, Any]] = [
        {"stream": stream, "max_version": (1, 0)},
        {"stream": stream},
    ]
    if stream is None:
        attempts = [{"max_version": (1, 0)}, {}]
    for arguments in attempts[:-1]:
        try:
            return dlpack(**arguments)  # type: ignore[no-any-return]
        except TypeError:
            continue
    return dlpack(**attempts[-1])  # type: ignore[no-any-return]


def device_of(source: Any) -> Device:
    """Where a tensor is; a bare capsule does not tell, and counts as on the CPU until it is opened."""
    ask = getattr(source, "__dlpack_device__", None)
    if ask is None:
        return (DeviceType.CPU, 0)
    kind, number = ask()
    return (int(kind), int(number))
