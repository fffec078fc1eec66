# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live video frames shared between processes, in place; and the packets that they were encoded in, with the past seconds.

One process publishes a camera's frames, any number of others use them where they lie, in GPU memory or in host memory:

    import cuframes, torch

    with cuframes.subscribe("cam-gate") as subscriber:
        for frame in subscriber:
            luma = torch.from_dlpack(frame.planes[0])  # no copy; on cuda:0 if the publisher's frames are there

    for packet in cuframes.subscribe_packets("cam-gate.h264", preroll=10):  # from ten seconds ago on
        file.write(packet)

The publisher is the GStreamer element `cuframessink`, a C program, or `publish()` and `publish_packets()`. For tensors of a
GStreamer pipeline in this process there is `cuframes.gst`, which needs PyGObject; for packets from and for PyAV there is
`cuframes.packets`. Everything else needs nothing but this package and, for frames on a GPU, the NVIDIA driver.
"""

from . import _native

# Another interpreter of the process gets the native module as it is here, without what it needs of its own.
if not getattr(_native, "in_main_interpreter", lambda: False)():
    raise ImportError("cuframes works in the main interpreter of a process alone; use another process")

from . import _log, packets  # noqa: F401
from ._arguments import whole as _whole
from ._batch import Batch
from ._formats import PixelFormat, SubscriberMode
from ._frame import Frame, PlanarFrame
from ._group import Group, group
from ._inspection import Ring, inspect
from ._inspection import list_rings as _list_rings
from ._packet import Packet
from ._packet_publisher import PacketPublisher, publish_packets
from ._packet_subscriber import PacketSubscriber, subscribe_packets
from ._plane import Plane
from ._publisher import Publisher, publish
from ._slot import Slot
from ._subscriber import Subscriber, subscribe
from .errors import (
    AccessDenied,
    Closed,
    CuframesDeviceLost,
    CuframesError,
    CuframesFrameTimeout,
    CuframesInternal,
    CuframesInvalidArgument,
    CuframesOutOfMemory,
    CuframesProtocolMismatch,
    CuframesPublisherGone,
    CuframesShmError,
    DeviceLost,
    EndOfStream,
    Error,
    Forked,
    FrameTimeout,
    Internal,
    InvalidArgument,
    KeyInUse,
    LeasesExhausted,
    NoFreeSlot,
    OtherContent,
    OutOfMemory,
    ProtocolMismatch,
    PublisherGone,
    RingFull,
    ShmError,
)

__version__: str = _native.version_string()

CuframesFrame = Frame
CuframesSubscriber = Subscriber

# Not in __all__, where it would hide Python's own.
list = _list_rings


def cuda_self_test(device: int = 0) -> None:
    """Tries whether frames in memory of GPU `device` can be shared here. DeviceLost: why not, and what to do."""
    _native.cuda_self_test(_whole("device", device, "a GPU"))


def default_directory() -> str:
    """Where sockets are unless told: `$CUFRAMES_DIR`, else `$NVIDIA_DRA_LOCAL_IPC_DIR/cuframes` (Kubernetes), else
    `$XDG_RUNTIME_DIR/cuframes`, else `/run/cuframes` if that can be used, else `/tmp/cuframes-<uid>`."""
    return _native.default_directory()


def version_string() -> str:
    """The version of the library in this package, as `"0.1.0"`."""
    return _native.version_string()


__all__ = [
    "AccessDenied",
    "Batch",
    "Closed",
    "CuframesDeviceLost",
    "CuframesError",
    "CuframesFrame",
    "CuframesFrameTimeout",
    "CuframesInternal",
    "CuframesInvalidArgument",
    "CuframesOutOfMemory",
    "CuframesProtocolMismatch",
    "CuframesPublisherGone",
    "CuframesShmError",
    "CuframesSubscriber",
    "DeviceLost",
    "EndOfStream",
    "Error",
    "Forked",
    "Frame",
    "FrameTimeout",
    "Group",
    "Internal",
    "InvalidArgument",
    "KeyInUse",
    "LeasesExhausted",
    "NoFreeSlot",
    "OtherContent",
    "OutOfMemory",
    "Packet",
    "PacketPublisher",
    "PacketSubscriber",
    "PixelFormat",
    "PlanarFrame",
    "Plane",
    "ProtocolMismatch",
    "Publisher",
    "PublisherGone",
    "Ring",
    "RingFull",
    "ShmError",
    "Slot",
    "Subscriber",
    "SubscriberMode",
    "cuda_self_test",
    "default_directory",
    "group",
    "inspect",
    "publish",
    "publish_packets",
    "subscribe",
    "subscribe_packets",
    "version_string",
]
