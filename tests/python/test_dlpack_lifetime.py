# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tensors outlive everything they came from, cost nothing when they go, and are harmless at the end of a
program."""

import gc
import pathlib

import capsule
import pictures
import pytest
from probes import MEMORY, descriptors, resident_kib
from processes import eventually, run_program

HERE = pathlib.Path(__file__).parent
FRAME = pictures.plane_of(1, 0, (48, 64), "u1")


def test_tensor_outlives_frame_and_subscriber(publisher_process, subscribe):
    """A tensor is readable after frame and subscriber were closed, and after the publisher process ended its
    stream."""
    publisher = publisher_process()
    subscriber = subscribe()
    publisher.ask("publish")
    with subscriber.next_frame(timeout_ms=10000) as frame:
        tensors = [capsule.take(plane) for plane in frame.planes]
    subscriber.close()
    publisher.close()
    for index, tensor in enumerate(tensors):
        assert (tensor.array() == pictures.plane_of(1, index, tensor.shape, "u1")).all()
        tensor.delete()


def test_tensor_outlives_a_killed_publisher(publisher_process, subscribe):
    """SIGKILL of the publisher takes no pixel away, neither from live tensors nor from frames exported
    later."""
    publisher = publisher_process()
    subscriber = subscribe()
    publisher.ask("publish")
    frame = subscriber.next_frame(timeout_ms=10000)
    early = capsule.take(frame.planes[0])
    publisher.kill()
    late = capsule.take(frame.planes[1])
    private = frame.copy()
    frame.release()
    subscriber.close()
    assert (early.array() == FRAME).all()
    assert (late.array() == pictures.plane_of(1, 1, (24, 32, 2), "u1")).all()
    assert (capsule.values(private.planes[0]) == FRAME).all()
    early.delete()
    late.delete()


def not_more(now, before):
    """What the driver counts has not grown; it may have shrunk, as the last work before was under way."""
    return all(now[name] <= before[name] for name in before)


def export_many(subscriber, publisher, frames, exports):
    for number in range(frames):
        with publisher.acquire() as slot:
            slot.pts = number
        with subscriber.next_frame(timeout_ms=10000) as frame:
            for _ in range(exports):
                capsule.take(frame.planes[0], max_version=(1, 0)).delete()
                frame.planes[1].__dlpack__()


def test_ten_thousand_exports_leave_nothing(publish, subscribe, memory, request):
    """10,000 exports, consumed and not, over hundreds of frames: no descriptor, no event, and no memory that
    grows."""
    driver = request.getfixturevalue("stand_in") if memory == "cuda" else None
    if driver:
        driver.set_delay_us(10)
    publisher, subscriber = publish(), subscribe()
    export_many(subscriber, publisher, 60, 10)
    gc.collect()
    open_before, memory_before = descriptors(), resident_kib()
    objects_before = driver.stats() if driver else None
    export_many(subscriber, publisher, 500, 10)
    gc.collect()
    assert descriptors() == open_before
    # 10,000 of the structs, leaked, would be more than 1 MiB; frames would be 46 MiB.
    assert resident_kib() - memory_before < 1024
    if driver:
        assert eventually(lambda: not_more(driver.stats(), objects_before), 10), (
            objects_before,
            driver.stats(),
        )


def test_copies_leave_nothing(publish, subscribe, memory, request):
    """A thousand copies, made and dropped: memory is used again, descriptors and GPU objects do not grow."""
    driver = request.getfixturevalue("stand_in") if memory == "cuda" else None
    publisher, subscriber = publish(width=320, height=240), subscribe()
    with publisher.acquire() as slot:
        slot.pts = 1
    frame = subscriber.next_frame(timeout_ms=10000)

    def copies(count):
        for _ in range(count):
            frame.copy().close()
            capsule.take(frame.planes[0], copy=True).delete()

    copies(50)
    memory_before, objects_before = resident_kib(), driver.stats() if driver else None
    copies(450)
    gc.collect()
    # Leaked, they would be 80 MiB.
    assert eventually(lambda: resident_kib() - memory_before < 8 * 1024, 10)
    if driver:
        assert eventually(lambda: not_more(driver.stats(), objects_before), 10), (
            objects_before,
            driver.stats(),
        )


LIVE_AT_EXIT = """
import sys; sys.path.insert(0, sys.argv[1])
import capsule, cuframes, pictures
publisher = cuframes.publish("exit", format="NV12", width=64, height=48, memory=sys.argv[2])
subscriber = cuframes.subscribe("exit", mode=cuframes.SubscriberMode.STRICT_ORDER, connect_timeout_ms=10000)
for number in (1, 2):
    with publisher.acquire() as slot:
        pictures.draw(slot, number)
first, second = subscriber.next_frame(timeout_ms=10000), subscriber.next_frame(timeout_ms=10000)
taken = capsule.take(first.planes[0])
unused = second.planes[1].__dlpack__(max_version=(1, 0))
copy = second.copy()
private = capsule.take(copy.planes[0])
third = publisher.acquire().__enter__()
"""

ENDINGS = {
    "at the end of the program": "",
    "with the frames dropped first": "del first, second, copy\n",
    "in cycles": "for thing in (first, second): cycle = [thing]; cycle.append(cycle)\n",
    "by sys.exit": "raise SystemExit(0)\n",
    "numpy arrays": "import numpy\n"
    "arrays = [numpy.from_dlpack(p) for p in copy.planes] if copy.memory == 'host' else []\n",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_live_tensors_at_exit(ending):
    """A program may end with live tensors, capsules, slots, frames, subscribers and publishers: exit code 0,
    nothing on stderr (ResourceWarnings are off by default)."""
    code, _, err = run_program(LIVE_AT_EXIT + ENDINGS[ending], HERE, MEMORY)
    assert (code, err) == (0, "")


def test_exit_while_another_thread_waits():
    """A daemon thread blocked in next_frame() does not keep a program from ending."""
    text = (
        "import sys, threading, cuframes\n"
        "subscriber = cuframes.Subscriber('nobody')\n"
        "thread = threading.Thread(target=subscriber.next_frame, daemon=True); thread.start()\n"
        "stat = f'/proc/self/task/{thread.native_id}/stat'\n"
        "while open(stat).read().rpartition(')')[2].split()[0] != 'S': pass\n"
    )
    code, _, err = run_program(text)
    assert (code, err) == (0, "")


def test_deleter_after_the_interpreter_is_gone():
    """A consumer in C may call the deleter after Python ended: its atexit handlers run later than the
    interpreter's."""
    text = LIVE_AT_EXIT + (
        "import ctypes\n"
        "address, deleter = taken.address, capsule.Legacy.from_address(taken.address).deleter\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.__cxa_atexit(ctypes.c_void_p(deleter), ctypes.c_void_p(address), None)\n"
    )
    code, _, err = run_program(text, HERE, MEMORY)
    assert (code, err) == (0, "")
