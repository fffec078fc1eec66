# SPDX-License-Identifier: LGPL-2.1-or-later
"""fileno() in the event loops that there are: each wakes for every frame and for the end, from its first wait on."""

import asyncio
import select
import selectors

import cuframes
import pictures
import pytest
from processes import SECONDS

STRICT = cuframes.SubscriberMode.STRICT_ORDER
COUNT = 20


class Camera:
    """Publishes one frame more whenever one was taken, and ends."""

    def __init__(self, publisher):
        self._publisher = publisher
        self._last = 0

    def go_on(self):
        if self._last == COUNT:
            self._publisher.eos()
            return
        self._last += 1
        with self._publisher.acquire() as slot:
            pictures.draw(slot, self._last)


class Taker:
    """What a program does where its loop says that the descriptor is readable: take one, without waiting."""

    def __init__(self, subscriber, camera):
        self._subscriber = subscriber
        self._camera = camera
        self._began = False
        self.seen = []
        self.ended = False

    def take(self):
        try:
            with self._subscriber.next_frame(0) as frame:
                self.seen.append(frame.seq)
            self._camera.go_on()
        except cuframes.FrameTimeout:
            if not self._began and self._subscriber.stats()["state"] == "attached":
                self._began = True
                self._camera.go_on()
        except cuframes.EndOfStream:
            self.ended = True


def with_select(subscriber, taker):
    while not taker.ended:
        assert select.select([subscriber], [], [], SECONDS)[0]
        taker.take()


def with_poll(subscriber, taker):
    poll = select.poll()
    poll.register(subscriber, select.POLLIN)
    while not taker.ended:
        assert poll.poll(SECONDS * 1000)
        taker.take()


def with_selectors(subscriber, taker):
    with selectors.DefaultSelector() as selector:
        selector.register(subscriber, selectors.EVENT_READ)
        while not taker.ended:
            assert selector.select(SECONDS)
            taker.take()


def with_asyncio(subscriber, taker):
    async def run():
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def take():
            taker.take()
            if taker.ended:
                loop.remove_reader(subscriber)
                ended.set()

        loop.add_reader(subscriber, take)
        await asyncio.wait_for(ended.wait(), SECONDS)

    asyncio.run(run())


def with_trio(subscriber, taker):
    import trio

    async def run():
        with trio.fail_after(SECONDS):
            while not taker.ended:
                await trio.lowlevel.wait_readable(subscriber)
                taker.take()

    trio.run(run)


LOOPS = {
    "select": with_select,
    "poll": with_poll,
    "selectors": with_selectors,
    "asyncio": with_asyncio,
    "trio": with_trio,
}


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_gets_all_frames_and_the_end(need, publish, key, cleanup, loop, connected):
    """A loop that begins with the wait is woken to connect, for each frame, and for the end."""
    if loop == "trio":
        need("trio")
    publisher = publish()
    subscriber = cuframes.Subscriber(key, mode=STRICT)
    cleanup.append(subscriber)
    if connected:
        subscriber.connect(timeout=SECONDS)
    taker = Taker(subscriber, Camera(publisher))
    LOOPS[loop](subscriber, taker)
    assert taker.seen == list(range(1, COUNT + 1))


def test_two_cameras_in_trio(need, publish, key, cleanup):
    """Tasks of trio that wait for two subscribers get the frames of each."""
    need("trio")
    import trio

    takers = []
    for name in (key, key + "-other"):
        publisher = publish(key=name)
        subscriber = cuframes.Subscriber(name, mode=STRICT)
        cleanup.append(subscriber)
        takers.append((subscriber, Taker(subscriber, Camera(publisher))))

    async def run():
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                for subscriber, taker in takers:
                    nursery.start_soon(follow, subscriber, taker)

    async def follow(subscriber, taker):
        while not taker.ended:
            await trio.lowlevel.wait_readable(subscriber)
            taker.take()

    trio.run(run)
    assert [taker.seen for _, taker in takers] == [list(range(1, COUNT + 1))] * 2
