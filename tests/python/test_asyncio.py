# SPDX-License-Identifier: LGPL-2.1-or-later
"""Subscribers in an asyncio event loop: no thread, no polling, no blocking of others."""

import asyncio
import threading

import cuframes
import pictures
import pytest
from cuframes._aio import Readiness
from probes import monotonic_ns
from processes import SECONDS

STRICT = cuframes.SubscriberMode.STRICT_ORDER


def publish_numbers(publisher, first, last):
    for number in range(first, last + 1):
        with publisher.acquire() as slot:
            pictures.draw(slot, number)


def run(main):
    """Runs a coroutine, with a deadline, and without any thread beside this one."""

    async def bounded():
        threads = threading.active_count()
        try:
            return await asyncio.wait_for(main, SECONDS)
        finally:
            assert threading.active_count() == threads

    return asyncio.run(bounded(), debug=True)


def test_async_for_ends_with_the_stream(publish, key):
    """`async for` gives every frame and ends at end-of-stream; `async with` closes."""
    publisher = publish()

    async def main():
        seen = []
        async with cuframes.Subscriber(key, mode=STRICT) as subscriber:
            await subscriber.connect_async()
            publish_numbers(publisher, 1, 5)
            publisher.eos()
            async for frame in subscriber:
                seen.append((frame.seq, pictures.difference(frame, frame.seq)))
                frame.release()
        assert subscriber.closed
        return seen

    assert run(main()) == [(number, "") for number in range(1, 6)]


def test_connecting_takes_turns_with_others(key, memory, cleanup):
    """connect_async() waits for a publisher that a task of the same loop makes later."""

    async def come():
        await asyncio.sleep(0)
        cleanup.append(cuframes.publish(key, format="NV12", width=64, height=48, memory=memory))
        publish_numbers(cleanup[-1], 1, 1)

    async def main():
        async with cuframes.Subscriber(key) as subscriber:
            task = asyncio.create_task(come())
            await subscriber.connect_async()
            await task
            return (await subscriber.next_frame_async()).seq

    assert run(main()) == 1


def test_frames_published_meanwhile(publish, key):
    """A task that publishes and one that awaits frames share a loop, frame by frame, and none is lost."""
    publisher = publish(slots=8)

    async def main():
        async with cuframes.Subscriber(key, mode=STRICT) as subscriber:
            await subscriber.connect_async()

            async def take():
                return [(await subscriber.next_frame_async()).seq for _ in range(100)]

            task = asyncio.create_task(take())
            for number in range(1, 101):
                publish_numbers(publisher, number, number)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                while subscriber.last_seq < number:
                    await asyncio.sleep(0)
            return await task

    assert run(main()) == list(range(1, 101))


def test_timeout(publish, key):
    """next_frame_async(timeout_ms) raises FrameTimeout, not early; the next await gets the next frame."""
    publisher = publish()

    async def main():
        async with cuframes.Subscriber(key) as subscriber:
            await subscriber.connect_async()
            before = monotonic_ns()
            with pytest.raises(cuframes.FrameTimeout):
                await subscriber.next_frame_async(timeout_ms=30)
            assert monotonic_ns() - before >= 30_000_000
            publish_numbers(publisher, 1, 1)
            return (await subscriber.next_frame_async(timeout_ms=10000)).seq

    assert run(main()) == 1


def test_connect_timeout(key):
    """connect_async(timeout_ms) raises PublisherGone when nobody came."""

    async def main():
        async with cuframes.Subscriber(key) as subscriber:
            with pytest.raises(cuframes.PublisherGone, match=key):
                await subscriber.connect_async(timeout_ms=20)

    run(main())


def test_cancelling(publish, key):
    """Cancelling an await leaves nothing behind in the loop, loses no frame, and the subscriber goes on."""
    publisher = publish()

    async def main():
        loop = asyncio.get_running_loop()
        async with cuframes.Subscriber(key, mode=STRICT) as subscriber:
            await subscriber.connect_async()
            for number in range(1, 11):
                task = asyncio.create_task(subscriber.next_frame_async())
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not loop.remove_reader(subscriber.fileno())
                publish_numbers(publisher, number, number)
                frame = await subscriber.next_frame_async(timeout_ms=10000)
                assert frame.seq == number
                frame.release()

    run(main())


def test_two_subscribers_in_one_loop(publish, key):
    """Subscribers of one loop do not get in each other's way."""
    publishers = [publish(key=f"{key}-{name}") for name in "ab"]

    async def count(name):
        async with cuframes.Subscriber(f"{key}-{name}", mode=STRICT) as subscriber:
            seen = []
            async for frame in subscriber:
                seen.append(frame.seq)
                frame.release()
            return seen

    async def main():
        tasks = [asyncio.create_task(count(name)) for name in "ab"]
        while any(publisher.stats()["subscribers"] == 0 for publisher in publishers):
            await asyncio.sleep(0.001)
        for number in range(1, 6):
            for publisher in publishers:
                publish_numbers(publisher, number, number)
        for publisher in publishers:
            publisher.eos()
        return await asyncio.gather(*tasks)

    assert run(main()) == [[1, 2, 3, 4, 5]] * 2


def test_closing_ends_an_await_that_looks_at_the_same_time(publish, key, monkeypatch):
    """A task that was woken by another thread's close() finds the subscriber closed, however slow that thread is."""
    publisher = publish()
    looked = threading.Event()
    forget = Readiness.forget

    def forget_slowly(descriptor):
        forget(descriptor)
        looked.wait(SECONDS)  # As if the thread did not run for a while.

    monkeypatch.setattr(Readiness, "forget", forget_slowly)

    async def main():
        subscriber = await cuframes.Subscriber(key).connect_async()
        waiting = asyncio.create_task(subscriber.next_frame_async())
        while not Readiness.of(subscriber._open().descriptor)._waiting:
            await asyncio.sleep(0.001)
        thread = threading.Thread(target=subscriber.close)
        thread.start()
        # Until the task was woken and has looked.
        done, _ = await asyncio.wait([waiting], timeout=1)
        looked.set()
        with pytest.raises(cuframes.Closed):
            await asyncio.wait_for(waiting, SECONDS / 4)
        thread.join(SECONDS)
        assert done

    run(main())
    publisher.close()


def test_closing_ends_an_await(publish, key):
    """close() while a task awaits a frame ends the await with Closed; an `async for` ends."""
    publish()

    async def main():
        subscriber = cuframes.Subscriber(key)
        await subscriber.connect_async()
        waiting = asyncio.create_task(subscriber.next_frame_async())
        await asyncio.sleep(0.01)
        subscriber.close()
        with pytest.raises(cuframes.Closed):
            await waiting

    run(main())


def test_publisher_dies_during_an_await(publisher_process, key):
    """PublisherGone reaches an await when the publisher is killed."""
    publisher = publisher_process()

    async def main():
        async with cuframes.Subscriber(key) as subscriber:
            await subscriber.connect_async()
            waiting = asyncio.create_task(subscriber.next_frame_async())
            await asyncio.sleep(0)
            publisher.kill()
            with pytest.raises(cuframes.PublisherGone):
                await waiting

    run(main())


def test_the_task_that_waits_longest_gets_the_frame(publish, key):
    """Tasks of one loop take turns, in the order in which they began to wait. Where the release of a frame is under way on
    the GPU one may be passed over that had its turn then, now and then."""
    publisher = publish()
    turns = []

    async def take(subscriber, name):
        while len(turns) < 60:
            with await subscriber.next_frame_async():
                turns.append(name)
                publish_numbers(publisher, 1, 1)

    async def main():
        async with cuframes.Subscriber(key, mode=STRICT) as subscriber:
            await subscriber.connect_async()
            tasks = [asyncio.ensure_future(take(subscriber, name)) for name in "abc"]
            await asyncio.sleep(0)
            publish_numbers(publisher, 1, 1)
            await asyncio.gather(*tasks)

    run(main())
    order = "".join(turns[:60])
    assert all(abs(order.count(name) - 20) <= 3 for name in "abc"), order
    assert not any(3 * name in order for name in "abc"), order


def test_other_tasks_run_though_a_frame_is_always_there(publish, key):
    """A task that never has to wait for a frame lets other tasks of the loop run all the same."""
    publisher = publish()

    async def take(subscriber):
        while True:
            with await subscriber.next_frame_async():
                publish_numbers(publisher, 1, 1)

    async def main():
        async with cuframes.Subscriber(key, mode=STRICT) as subscriber:
            await subscriber.connect_async()
            publish_numbers(publisher, 1, 1)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(take(subscriber), 0.05)

    run(main())


def test_a_task_and_threads_share_frames(publish, key):
    """None of a task and two threads that wait for frames of one subscriber goes without: who took the last frame lets
    the others go first."""
    publisher = publish()
    counts = {"task": 0, "thread 1": 0, "thread 2": 0}
    lock = threading.Lock()

    def taken(frame, name):
        with frame, lock:
            counts[name] += 1
            if sum(counts.values()) < 150:
                publish_numbers(publisher, 1, 1)
            else:
                publisher.close()

    def in_thread(subscriber, name):
        try:
            while True:
                taken(subscriber.next_frame(), name)
        except cuframes.PublisherGone:
            subscriber.close()
        except cuframes.Closed:
            pass

    async def main():
        subscriber = await cuframes.Subscriber(key, mode=STRICT).connect_async()
        threads = [threading.Thread(target=in_thread, args=(subscriber, name)) for name in list(counts)[1:]]
        for thread in threads:
            thread.start()
        publish_numbers(publisher, 1, 1)
        try:
            while True:
                taken(await subscriber.next_frame_async(), "task")
        except (cuframes.PublisherGone, cuframes.Closed):
            subscriber.close()
        for thread in threads:
            thread.join(SECONDS)

    run(main())
    # Fifty each, where the machine runs all three.
    assert min(counts.values()) >= 5, counts
