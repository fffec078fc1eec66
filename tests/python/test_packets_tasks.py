# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packets in asyncio tasks and under Ctrl-C: none is lost to a task that was cancelled, many tasks share a subscriber, and
whatever waits comes back."""

import asyncio
import threading

import cuframes
import pytest
from processes import SECONDS

STRICT = cuframes.SubscriberMode.STRICT_ORDER
LONG = int(SECONDS * 1000)


@pytest.fixture
def publisher(key, cleanup):
    made = cuframes.publish_packets(key)
    cleanup.append(made)
    return made


def send(publisher, first, last=None):
    for number in range(first, (last or first) + 1):
        publisher.send(b"%d" % number)


def number_of(packet):
    return int(bytes(packet))


def run(main):
    """Runs a coroutine, with a deadline."""
    return asyncio.run(asyncio.wait_for(main, SECONDS), debug=True)


def reading(key, **options):
    return cuframes.PacketSubscriber(key, mode=STRICT, **options)


def test_a_loop_that_is_cancelled_loses_no_packet(publisher, key):
    """However often an `async for` is cancelled, at whatever moment, the one after it goes on with the next packet, and
    nothing stays in the event loop."""
    seen = []

    async def take(subscriber):
        async for packet in subscriber:
            seen.append(number_of(packet))
            await asyncio.sleep(0)

    async def main():
        async with reading(key) as subscriber:
            await subscriber.connect_async(LONG)
            for number in range(1, 51):
                task = asyncio.create_task(take(subscriber))
                for _ in range(number % 5):
                    await asyncio.sleep(0)
                send(publisher, 2 * number - 1, 2 * number)
                for _ in range(number % 3):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not asyncio.get_running_loop().remove_reader(subscriber.fileno())
            publisher.eos()
            await take(subscriber)

    run(main())
    assert seen == list(range(1, 101))


def test_tasks_of_one_subscriber_take_turns(publisher, key):
    """Each packet goes to one task, and each task gets its share."""
    shares = {"first": [], "second": [], "third": []}

    async def take(subscriber, mine):
        async for packet in subscriber:
            mine.append(number_of(packet))
            if number_of(packet) < 60:
                send(publisher, number_of(packet) + 1)

    async def main():
        async with reading(key) as subscriber:
            await subscriber.connect_async(LONG)
            tasks = [asyncio.create_task(take(subscriber, mine)) for mine in shares.values()]
            await asyncio.sleep(0)
            send(publisher, 1)
            while sum(map(len, shares.values())) < 60:
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(main())
    assert sorted(number for mine in shares.values() for number in mine) == list(range(1, 61))
    assert all(abs(len(mine) - 20) <= 3 for mine in shares.values()), shares


def test_leaving_the_block_ends_who_waits(publisher, key):
    """Tasks that wait when the `async with` is left are told, as of every closed subscriber."""

    async def main():
        async with reading(key) as subscriber:
            await subscriber.connect_async(LONG)
            waiting = asyncio.create_task(subscriber.next_packet_async())
            await asyncio.sleep(0)
        with pytest.raises(cuframes.Closed):
            await waiting
        assert subscriber.closed

    run(main())


def test_an_error_in_the_loop_closes(publisher, key):
    """What is raised in the body of an `async for` comes out of it, and the subscriber is closed behind."""
    send(publisher, 1, 3)

    async def main():
        async with reading(key, start="keyframe") as subscriber:
            async for packet in subscriber:
                raise LookupError(number_of(packet))

    with pytest.raises(LookupError, match="3"):
        run(main())


def test_a_publisher_that_dies_is_told(roles, key):
    """Whoever awaits a packet learns that its publisher was killed."""
    publisher = roles("packet_publisher", key=key)

    async def main():
        async with reading(key) as subscriber:
            await subscriber.connect_async(LONG)
            waiting = asyncio.create_task(subscriber.next_packet_async())
            await asyncio.sleep(0)
            publisher.kill()
            with pytest.raises(cuframes.PublisherGone):
                await waiting

    run(main())


def test_other_tasks_run_though_a_packet_is_always_there(publisher, key):
    """A loop over packets that never has to wait for one lets others of its event loop run all the same."""
    others_ran = []

    async def others():
        while True:
            others_ran.append(None)
            await asyncio.sleep(0)

    async def main():
        other = asyncio.create_task(others())
        send(publisher, 1)
        async with reading(key, start="keyframe") as subscriber:
            async for packet in subscriber:
                send(publisher, number_of(packet) + 1)
                if len(others_ran) > 5:
                    break
        other.cancel()

    run(main())


def test_a_task_and_threads_share_packets(publisher, key):
    """None of a task and two threads that wait for packets of one subscriber goes without."""
    counts = {"task": 0, "thread 1": 0, "thread 2": 0}
    lock = threading.Lock()

    def taken(name):
        with lock:
            counts[name] += 1
            enough = sum(counts.values()) >= 600 or min(counts.values()) >= 20
        if enough:
            publisher.eos()
        else:
            publisher.send(b"next")

    def in_thread(subscriber, name):
        try:
            while True:
                subscriber.next_packet()
                taken(name)
        except (cuframes.PublisherGone, cuframes.Closed):
            subscriber.close()

    async def main():
        subscriber = await reading(key).connect_async(LONG)
        threads = [threading.Thread(target=in_thread, args=(subscriber, name)) for name in list(counts)[1:]]
        for thread in threads:
            thread.start()
        publisher.send(b"first")
        try:
            while True:
                await subscriber.next_packet_async()
                taken("task")
        except (cuframes.PublisherGone, cuframes.Closed):
            subscriber.close()
        for thread in threads:
            thread.join(SECONDS)

    run(main())
    assert min(counts.values()) >= 20, counts


BLOCKED = """
import asyncio, sys, cuframes
publisher = cuframes.publish_packets(sys.argv[1])
subscriber = cuframes.subscribe_packets(sys.argv[1])

async def loop():
    async for packet in subscriber:
        pass

try:
    print("waiting", flush=True)
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
publisher.send(b"after")
assert bytes(subscriber.next_packet(30000)) == b"after"
subscriber.close(); publisher.close()
"""
CALLS = {
    "next_packet": "subscriber.next_packet()",
    "iteration": "next(iter(subscriber))",
    "asyncio": "asyncio.run(loop())",
    "wait_subscribers": "publisher.wait_subscribers(2)",
    "connect": "cuframes.subscribe_packets('nobody')",
}


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c(program, key, call):
    """Ctrl-C ends every wait with KeyboardInterrupt; the next packet is had as if nothing had been."""
    child = program(BLOCKED.format(call=CALLS[call]), key)
    assert child.read_line() == "waiting"
    child.await_sleep()
    child.interrupt()
    assert child.read_line() == "interrupted"
    assert child.finish() == (0, "", "")
