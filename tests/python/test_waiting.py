# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocking calls: how long they wait, what ends them, and that the interpreter goes on meanwhile."""

import os
import signal
import threading
import time

import cuframes
import pictures
import pytest
from probes import monotonic_ns
from processes import SECONDS, eventually, state_of


def publish_one(publisher, number=1):
    with publisher.acquire() as slot:
        pictures.draw(slot, number)


@pytest.mark.parametrize("milliseconds", [0, 1, 20, 137])
def test_frame_timeout_is_not_early(publish, subscribe, milliseconds):
    """next_frame(timeout_ms) without a frame raises FrameTimeout, and not before that many milliseconds."""
    publish()
    subscriber = subscribe()
    before = monotonic_ns()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout_ms=milliseconds)
    assert monotonic_ns() - before >= milliseconds * 1_000_000
    assert subscriber.timeouts == 1


@pytest.mark.parametrize("milliseconds", [0, 50])
def test_connect_timeout(key, milliseconds):
    """Without a publisher subscribe() raises PublisherGone naming the key, and not before the time given."""
    before = monotonic_ns()
    with pytest.raises(cuframes.PublisherGone, match=key):
        cuframes.subscribe(key, connect_timeout_ms=milliseconds)
    assert monotonic_ns() - before >= milliseconds * 1_000_000


def test_connect_in_steps(key, memory, cleanup):
    """Subscriber() does not wait; connect() does, may time out, and may be called again."""
    subscriber = cuframes.Subscriber(key)
    cleanup.append(subscriber)
    with pytest.raises(cuframes.PublisherGone):
        subscriber.connect(timeout_ms=1)
    cleanup.append(cuframes.publish(key, format="NV12", width=64, height=48, memory=memory))
    assert subscriber.connect(timeout_ms=10000) is subscriber
    assert subscriber.stats()["publisher_pid"] == os.getpid()


def test_subscribe_waits_for_the_publisher(key, memory, cleanup):
    """subscribe() may come first: it returns when a publisher appears."""
    found = []
    thread = threading.Thread(target=lambda: found.append(cuframes.subscribe(key)))
    thread.start()
    assert eventually(lambda: state_of(f"self/task/{thread.native_id}") == "S")
    cleanup.append(cuframes.publish(key, format="NV12", width=64, height=48, memory=memory))
    thread.join(SECONDS)
    assert not thread.is_alive()
    found[0].close()


def test_wait_subscribers_timeout(publish):
    """wait_subscribers() raises FrameTimeout (a TimeoutError), not early, when too few came."""
    publisher = publish()
    before = monotonic_ns()
    with pytest.raises(TimeoutError):
        publisher.wait_subscribers(1, timeout_ms=40)
    assert monotonic_ns() - before >= 40_000_000


def test_wait_subscribers(publish, publisher_process, roles, key):
    """wait_subscribers(n) returns when n are attached."""
    publisher = publish()
    first, second = (roles("subscriber", key=key) for _ in range(2))
    first.send("connect")
    second.send("connect")
    publisher.wait_subscribers(2, timeout_ms=int(SECONDS * 1000))
    assert publisher.stats()["subscribers"] == 2
    first.answer(), second.answer()


def ping_pong(rounds, act, blocking_call):
    """`blocking_call` can only return because another thread, which needs the interpreter, calls `act` after
    it. Were the interpreter lock held while waiting, neither would ever go on."""
    turns = [threading.Semaphore(0) for _ in range(rounds)]
    counted = []

    def other():
        for turn in turns:
            turn.acquire()
            counted.append(sum(range(1000)))
            act()

    thread = threading.Thread(target=other)
    thread.start()
    for turn in turns:
        turn.release()
        blocking_call()
    thread.join()
    assert len(counted) == rounds


def test_next_frame_lets_other_threads_run(publish, subscribe):
    """next_frame() releases the GIL while it waits."""
    publisher, subscriber = publish(), subscribe()
    ping_pong(100, lambda: publish_one(publisher), lambda: subscriber.next_frame().release())


def test_subscribe_lets_other_threads_run(key, memory, cleanup):
    """subscribe() releases the GIL while it waits."""
    publishers = []

    def come():
        publishers.append(cuframes.publish(key, format="NV12", width=64, height=48, memory=memory))

    def subscribe_and_go():
        cuframes.subscribe(key).close()
        assert eventually(lambda: publishers)
        publishers.pop().close()

    ping_pong(10, come, subscribe_and_go)


def test_wait_subscribers_lets_other_threads_run(publish, key):
    """wait_subscribers() releases the GIL while it waits."""
    publisher, subscribers = publish(), []

    def wait_and_go():
        publisher.wait_subscribers(1)
        eventually(lambda: subscribers)
        subscribers.pop().close()
        assert eventually(lambda: publisher.stats()["subscribers"] == 0)

    ping_pong(10, lambda: subscribers.append(cuframes.subscribe(key)), wait_and_go)


def test_acquire_lets_other_threads_run(publish, subscribe):
    """acquire() under policy wait releases the GIL while it waits for a strict reader."""
    publisher = publish(slots=3, policy="wait", wait_timeout_ms=60000)
    subscriber = subscribe(max_held=1)
    for _ in range(2):
        publish_one(publisher)
    ping_pong(50, lambda: subscriber.next_frame().release(), lambda: publish_one(publisher))
    assert publisher.stats()["lapped"] == 0


def test_the_key_is_free_when_close_returns(key, memory):
    """acquire() waits in a thread of its own, which has let the publisher go when it says that there is a slot."""
    for _ in range(200):
        publisher = cuframes.publish(
            key, format="GRAY8", width=8, height=8, memory=memory, slots=3, policy="wait", wait_timeout_ms=60000
        )
        with cuframes.subscribe(key, mode=cuframes.SubscriberMode.STRICT_ORDER, max_held=1) as subscriber:
            publish_one(publisher), publish_one(publisher)
            reader = threading.Thread(target=lambda: subscriber.next_frame().release())
            reader.start()
            publish_one(publisher)
            reader.join()
        publisher.close()


@pytest.mark.parametrize("call", ["next_frame", "connect", "iteration"])
def test_close_from_another_thread_wakes(publish, subscribe, key, call):
    """close() from another thread ends a wait with Closed; a loop ends."""
    if call == "connect":
        subscriber = cuframes.Subscriber("nobody-publishes-this")
    else:
        publish()
        subscriber = subscribe()
    ended = []

    def wait():
        try:
            if call == "iteration":
                ended.append([frame.seq for frame in subscriber])
            else:
                getattr(subscriber, call)()
        except cuframes.Closed as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert eventually(lambda: state_of(f"self/task/{thread.native_id}") == "S")
    subscriber.close()
    thread.join(SECONDS)
    assert not thread.is_alive() and len(ended) == 1
    assert isinstance(ended[0], cuframes.Closed) or ended == [[]]


BLOCKED = """
import sys, cuframes
subscriber = cuframes.Subscriber(sys.argv[1])
publisher = cuframes.publish(sys.argv[1] + "-own", format="GRAY8", width=8, height=8, memory="host")
try:
    print("waiting", flush=True)
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    {after}
"""
CALLS = {
    "next_frame": "subscriber.next_frame()",
    "connect": "subscriber.connect()",
    "subscribe": "cuframes.subscribe(sys.argv[1])",
    "wait_subscribers": "publisher.wait_subscribers(1)",
    "iteration": "next(iter(subscriber))",
}


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c(program, key, call):
    """Ctrl-C ends every blocking call with KeyboardInterrupt, and the objects are usable afterwards."""
    after = (
        "subscriber.close(); other = cuframes.subscribe(sys.argv[1] + '-own', connect_timeout_ms=30000);"
        "publisher.acquire().__enter__().publish(); other.next_frame(timeout_ms=30000).close();"
        "other.close(); publisher.close()"
    )
    child = program(BLOCKED.format(call=CALLS[call], after=after), key)
    assert child.read_line() == "waiting"
    child.await_sleep()
    child.interrupt()
    assert child.read_line() == "interrupted"
    assert child.finish() == (0, "", "")


def test_ctrl_c_in_acquire(program, key):
    """Ctrl-C ends a lossless publisher that waits for a reader, however long it was told to wait."""
    text = (
        "import sys, cuframes\n"
        "publisher = cuframes.publish(sys.argv[1], format='GRAY8', width=8, height=8, memory='host',\n"
        "                             slots=3, policy='wait', wait_timeout_ms=600_000)\n"
        "strict = cuframes.subscribe(sys.argv[1], mode=cuframes.SubscriberMode.STRICT_ORDER, max_held=1)\n"
        "try:\n"
        "    print('waiting', flush=True)\n"
        "    while True:\n"
        "        with publisher.acquire(): pass\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
        "strict.close(); publisher.close()\n"
    )
    child = program(text, key)
    assert child.read_line() == "waiting"
    child.await_sleep()
    child.interrupt()
    assert child.read_line() == "interrupted"
    assert child.finish() == (0, "", "")


def test_other_signals_do_not_end_a_wait(program, key):
    """A signal with a Python handler runs the handler during a wait, and the wait goes on to its full
    time."""
    text = (
        "import signal, sys, time, cuframes\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('handled', flush=True))\n"
        "subscriber = cuframes.Subscriber(sys.argv[1])\n"
        "before = time.monotonic()\n"
        "print('waiting', flush=True)\n"
        "try: subscriber.next_frame(timeout_ms=700)\n"
        "except cuframes.FrameTimeout: print(time.monotonic() - before >= 0.7, flush=True)\n"
        "subscriber.close()\n"
    )
    child = program(text, key)
    assert child.read_line() == "waiting"
    child.await_sleep()
    child.process.send_signal(signal.SIGUSR1)
    assert child.read_line() == "handled"
    assert child.finish() == (0, "True\n", "")


def test_idle_waits_cost_no_cpu(publish, subscribe):
    """A waiting subscriber sleeps in the kernel: it wakes for signals now and then, and does not spin."""
    publish()
    subscriber = subscribe()
    before = time.thread_time_ns()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout_ms=500)
    assert time.thread_time_ns() - before < 100_000_000
