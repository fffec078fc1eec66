# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that end while their daemon threads are inside calls of the package."""

import os

import pytest
from processes import Program

# The interpreter ends for as long as `late` sleeps: threads that come back from a call meanwhile find it so. That they
# do is sure, since none of these calls takes longer; and so is that others wait for the lock when it begins to end.
PROGRAM = """
import asyncio, sys, threading, time
import cuframes

key, memory = sys.argv[1:3]
STRICT = cuframes.SubscriberMode.STRICT_ORDER
publisher = cuframes.publish(key, format="NV12", width=64, height=48, memory=memory)
began = threading.Semaphore(0)

def camera(publisher, pause=0.001):
    while True:
        publisher.acquire().publish()
        time.sleep(pause)

def frames(timeout_ms):
    with cuframes.subscribe(key, mode=STRICT) as subscriber:
        while True:
            try:
                subscriber.next_frame(timeout_ms).release()
            except cuframes.FrameTimeout:
                pass
            yield

def repeat(step):
    while True:
        try:
            step()
        except cuframes.Error:
            pass
        yield

def iterate():
    for frame in cuframes.subscribe(key):
        frame.release()
        yield

def in_asyncio():
    async def loop():
        async with cuframes.Subscriber(key) as subscriber:
            async for frame in subscriber:
                frame.release()
                began.release()
    asyncio.run(loop())
    yield

def copies():
    with cuframes.subscribe(key) as subscriber:
        with subscriber.next_frame() as frame:
            while True:
                frame.copy(device="cpu")
                frame.pack()
                yield

def lossless():
    mine = cuframes.publish(key + "-lossless", format="GRAY8", width=8, height=8, memory=memory, slots=3,
                            policy="wait", wait_timeout_ms=5)
    strict = cuframes.subscribe(key + "-lossless", mode=STRICT, max_held=1)
    strict_frames = []
    yield from repeat(lambda: (mine.acquire().publish(), strict_frames or strict_frames.append(strict.next_frame())))

def sends():
    mine = cuframes.publish(key + "-sends", memory=memory)
    with cuframes.subscribe(key, mode=STRICT) as subscriber:
        while True:
            with subscriber.next_frame() as frame:
                mine.send(frame.planes[0])
                mine.send(frame)
            yield

def buffers():
    with cuframes.subscribe(key) as subscriber, subscriber.next_frame() as frame:
        mine = frame.copy(device="cpu")
        while True:
            bytes(mine.planes[0])
            memoryview(mine.planes[1]).release()
            time.sleep(0)  # Nothing of this gives the lock away.
            yield

def pictures():
    import av
    mine = cuframes.publish(key + "-pictures", memory=memory)
    video = av.VideoFrame(64, 48, "nv12")
    while True:
        mine.send(video)
        yield

def from_the_shell():
    import contextlib, io
    from cuframes.__main__ import main
    while True:
        with contextlib.redirect_stdout(io.StringIO()):
            main(["list"])
        yield

def publishes():
    while True:
        with cuframes.publish(key + "-other", format="GRAY8", width=8, height=8, memory=memory) as other:
            other.configure("GRAY8", 16, 16, memory=memory)
        yield

def closes():
    while True:
        cuframes.subscribe(key).close()
        yield

def packets(timeout_ms):
    with cuframes.publish_packets(key + "-packets") as mine, cuframes.subscribe_packets(key + "-packets") as subscriber:
        while True:
            mine.send(b"packet")
            try:
                bytes(subscriber.next_packet(timeout_ms))
            except cuframes.FrameTimeout:
                pass
            yield

def packets_of_another_thread():
    mine = cuframes.publish_packets(key + "-shared")
    def send():
        while True:
            mine.send(b"packet")
            time.sleep(0.001)
    threading.Thread(target=send, daemon=True).start()
    for packet in cuframes.subscribe_packets(key + "-shared"):
        yield

def packets_in_asyncio():
    mine = cuframes.publish_packets(key + "-tasks")
    async def loop():
        async with cuframes.PacketSubscriber(key + "-tasks", start="keyframe") as subscriber:
            mine.send(b"packet")
            async for packet in subscriber:
                began.release()
                asyncio.get_running_loop().call_later(0.001, mine.send, b"packet")
    asyncio.run(loop())
    yield

def lossless_packets():
    mine = cuframes.publish_packets(key + "-all", policy="wait", wait_timeout_ms=5, max_bytes=1 << 16)
    strict = cuframes.subscribe_packets(key + "-all", mode=STRICT)
    yield from repeat(lambda: mine.send(bytes(20_000)))

def publishes_packets():
    while True:
        with cuframes.publish_packets(key + "-log", "image/jpeg") as other:
            other.caps = "audio/x-opus"
            other.window()
        yield

CALLS = {
    "next_packet": packets_of_another_thread,
    "next_packet that is there": lambda: packets(-1),
    "next_packet that times out": lambda: packets(0),
    "packets in asyncio": packets_in_asyncio,
    "subscribe_packets": lambda: repeat(lambda: cuframes.subscribe_packets("nobody", connect_timeout_ms=1)),
    "send of packets": lossless_packets,
    "publish_packets": publishes_packets,
    "next_frame": lambda: frames(-1),
    "next_frame that times out": lambda: repeat(lambda: next(frames(0))),
    "iteration": iterate,
    "asyncio": in_asyncio,
    "subscribe": lambda: repeat(lambda: cuframes.subscribe("nobody", connect_timeout_ms=1)),
    "wait_subscribers": lambda: repeat(lambda: publisher.wait_subscribers(60, timeout_ms=1)),
    "acquire": lossless,
    "send": sends,
    "buffers": buffers,
    "send of pictures": pictures,
    "list": from_the_shell,
    "publish": publishes,
    "close": closes,
    "copy": copies,
    "stats": lambda: repeat(lambda: (publisher.stats(), publisher.subscribers())),
}

def work(call):
    for _ in call():
        began.release()

class Late:
    def __del__(self, sleep=time.sleep):
        sleep(0.1)

late = Late()
threading.Thread(target=camera, args=(publisher,), daemon=True).start()
for _ in range(2 if sys.argv[3] in ("next_frame", "iteration", "asyncio", "subscribe", "wait_subscribers") else 1):
    threading.Thread(target=work, args=(CALLS[sys.argv[3]],), daemon=True).start()
for _ in range(3):
    assert began.acquire(timeout=60)
# Those that come back now wait for the lock, and do so when the end begins.
sys.setswitchinterval(100)
until = time.monotonic() + 0.02
while time.monotonic() < until:
    pass
"""

CALLS = [
    "next_packet",
    "next_packet that is there",
    "next_packet that times out",
    "packets in asyncio",
    "subscribe_packets",
    "send of packets",
    "publish_packets",
    "next_frame",
    "next_frame that times out",
    "iteration",
    "asyncio",
    "subscribe",
    "wait_subscribers",
    "acquire",
    "send",
    "buffers",
    "send of pictures",
    "list",
    "publish",
    "close",
    "copy",
    "stats",
]
RUNS = int(os.environ.get("CUFRAMES_TEST_EXITS", "3"))


@pytest.mark.parametrize("call", CALLS)
def test_exit_with_daemon_threads(need, key, memory, call):
    """A program whose daemon threads wait for frames, or send, ends with its own exit status, and without a word."""
    if call == "send of pictures":
        need("av")
    for number in range(RUNS):
        ended = Program(PROGRAM, f"{key}-{number}", memory, call).finish()
        assert ended == (0, "", ""), f"in run {number}: {ended}"


PIPELINE = """
import sys, threading, time
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp
import numpy
import cuframes.gst

Gst.init(None)
caps = "video/x-raw,format=GRAY8,width=64,height=48,framerate=1000/1"
pipeline = Gst.parse_launch(
    f"appsrc name=source format=time max-buffers=4 block=true caps={caps} ! identity sleep-time=500 ! fakesink"
)
source = pipeline.get_by_name("source")
pipeline.set_state(Gst.State.PLAYING)
pushed = threading.Semaphore(0)

def push():
    while True:
        source.push_buffer(cuframes.gst.to_buffer(numpy.zeros((48, 64), numpy.uint8), format="GRAY8"))
        pushed.release()

class Late:
    def __del__(self, sleep=time.sleep):
        sleep(0.1)

late = Late()
threading.Thread(target=push, daemon=True).start()
for _ in range(20):
    assert pushed.acquire(timeout=60)
sys.setswitchinterval(100)
until = time.monotonic() + 0.02
while time.monotonic() < until:
    pass
"""


def test_exit_with_tensors_in_a_pipeline(need, host_only):
    """A program ends well while a pipeline lets go of arrays that it was given, from threads of its own."""
    need("gi")
    for number in range(3 * RUNS):
        code, _, err = Program(PIPELINE).finish()
        assert code == 0, f"in run {number}: {err}"
