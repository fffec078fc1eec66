# SPDX-License-Identifier: LGPL-2.1-or-later
"""Groups of cameras: what is in a set was captured together, and no camera holds up the others."""

import asyncio
import gc
import json
import math
import pathlib
import threading
import time

import cuframes
import pictures
import pytest
from probes import monotonic_ns
from processes import SECONDS, eventually, run_program

MS = 1_000_000
IN_ORDER = cuframes.SubscriberMode.STRICT_ORDER


def check(batch, within):
    """What every set promises."""
    frames = [frame for frame in batch.frames if frame]
    times = [frame.pts for frame in frames]
    assert frames and batch.mask == tuple(frame is not None for frame in batch)
    assert max(times) - min(times) <= within * 1e9 + 1
    assert batch.spread == (max(times) - min(times)) / 1e9
    for frame in frames:
        assert pictures.difference(frame, frame.pts // 1000) == ""


class Checked:
    """Takes sets of a group, and holds each to what all promise: within bounds, rising, no frame twice."""

    def __init__(self, group, within=None):
        self.group = group
        self.within = within
        self.last = {}
        self.time = -math.inf

    def take(self, timeout=SECONDS):
        batch = self.group.next(timeout=timeout)
        check(batch, self.group.within if self.within is None else self.within)
        assert batch.time > self.time, "sets rise"
        self.time = batch.time
        for key, frame in zip(batch.keys, batch):
            if frame:
                assert frame.pts > self.last.get(key, -1), "a frame is in one set"
                self.last[key] = frame.pts
        return batch

    def until(self, condition):
        """The first set of which it holds. The others' are let go."""
        end = time.monotonic() + SECONDS
        while True:
            batch = self.take()
            if condition(batch):
                return batch
            batch.close()
            assert time.monotonic() < end


class Camera:
    """A publisher of this process, whose frames have the times that the test says, in milliseconds."""

    def __init__(self, publisher, began):
        self.publisher = publisher
        self.began = began

    def send(self, *times):
        for time_ms in times:
            pts = self.began + time_ms * MS
            with self.publisher.acquire() as slot:
                pictures.draw(slot, pts // 1000)
                slot.pts = pts


@pytest.fixture
def cameras(publish):
    began = monotonic_ns()

    def make(*keys, **options):
        return [Camera(publish(key=key, **options), began) for key in keys]

    return make


@pytest.fixture
def group(cleanup):
    def make(*arguments, **options):
        made = cuframes.group(*arguments, **options)
        cleanup.append(made)
        return made

    return make


def times_of(batch, camera):
    return [frame and (frame.pts - camera.began) // MS for frame in batch]


# ----------------------------------------------------------------------------------------------------- what is in a set


def test_frames_of_one_time_come_together(cameras, group):
    a, b = cameras("a", "b")
    sets = group(["a", "b"], within=0.02, wait=math.inf)
    a.send(0)
    b.send(4)
    with sets.next(timeout=SECONDS) as batch:
        check(batch, 0.02)
        assert times_of(batch, a) == [0, 4]
        assert batch.keys == ("a", "b") and len(batch) == 2 and batch.complete and batch.mask == (True, True)
        assert batch.pts_ns == a.began and batch.time == a.began / 1e9 and batch.spread == pytest.approx(0.004)
        assert 0 <= batch.age < SECONDS
        assert batch["b"] is batch[1] is batch.frames[1]
    assert all(frame.released for frame in batch)


def test_whoever_is_behind_gets_the_others_frames_of_its_time(cameras, group):
    """A camera whose frames come later: those of the other wait for them."""
    a, b = cameras("a", "b")
    sets = group(["a", "b"], within=0.02, wait=math.inf)
    for step in range(4):
        a.send(step * 33)
        with pytest.raises(cuframes.FrameTimeout):
            sets.next(timeout=0)
    b.send(34)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [33, 34]
    b.send(101)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [99, 101]
    stats = sets.stats()["cameras"]
    assert [stats["a"][name] for name in ("received", "used", "skipped", "held")] == [4, 2, 2, 0]
    assert [stats["b"][name] for name in ("received", "used", "skipped", "held")] == [2, 2, 0, 0]


def test_the_newest_set_comes_and_those_before_are_counted(cameras, group):
    a, b = cameras("a", "b", slots=16)
    sets = group(["a", "b"], within=0.02, wait=math.inf)
    for step in range(5):
        a.send(step * 33)
        b.send(step * 33 + 1)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [132, 133]
    stats = sets.stats()["cameras"]["a"]
    assert (stats["used"], stats["skipped"]) == (1, 4)


def test_in_order_each_frame_of_the_first_camera_has_a_set(cameras, group):
    a, b = cameras("a", "b", slots=24)
    sets = group(["a", "b"], within=0.02, mode=IN_ORDER, wait=5)
    b.send(*range(-100, 300, 50))
    a.send(*range(0, 300, 25))
    b.send(300)
    found = []
    for _ in range(12):
        with sets.next(timeout=SECONDS) as batch:
            check(batch, 0.02)
            found.append(times_of(batch, a))
            assert batch.pts_ns == batch[0].pts
    assert found == [[time_ms, None if time_ms % 50 else time_ms] for time_ms in range(0, 300, 25)]
    assert sets.stats()["cameras"]["b"]["missing"] == 6


def test_a_frame_that_comes_too_late_is_counted_and_in_no_set(cameras, group):
    a, b = cameras("a", "b")
    sets = group(["a", "b"], within=0.02, wait=0.01)
    a.send(0)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [0, None]
    b.send(1)
    a.send(40)
    b.send(41)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [40, 41]
    counts = sets.stats()["cameras"]["b"]
    assert (counts["missing"], counts["used"]) == (1, 1)
    assert counts["late"] + counts["skipped"] == 1  # By whether it was seen before the next one.


# ------------------------------------------------------------------------------------------------------------- live


def camera_processes(roles, memory, **cameras):
    return {
        key: roles("camera", **{"key": key, "format": "GRAY8", "width": 64, "height": 48, "memory": memory, **options})
        for key, options in cameras.items()
    }


def test_cameras_of_different_rates_that_drift_and_tremble(roles, memory, group):
    """Every set is within bounds, and the sets come at the rate of the slowest camera."""
    found = camera_processes(
        roles,
        memory,
        a={"rate": 30, "jitter": 0.004},
        b={"rate": 25, "phase": 0.011, "drift": 0.002, "jitter": 0.004},
        c={"rate": 15, "phase": 0.029, "drift": -0.001, "delay": 0.03},
    )
    sets = Checked(group(list(found)))
    for camera in found.values():
        camera.ask("run")
    sets.until(lambda batch: batch.complete).close()
    first = sets.group.stats()["cameras"]["c"]["received"]
    complete = 0
    for _ in range(25):
        with sets.take() as batch:
            complete += batch.complete
    seen = sets.group.stats()["cameras"]["c"]["received"] - first
    assert complete >= 20 and seen <= 32, sets.group.stats()
    for subscriber in sets.group.subscribers:
        counts = sets.group.stats()["cameras"][subscriber.key]
        assert sum(counts[name] for name in ("used", "late", "skipped", "held")) == subscriber.last_seq


def test_a_camera_that_stops_holds_up_nobody(roles, memory, group):
    """The others go on without it, within a moment and at their rate; it is in the sets again when it goes on."""
    found = camera_processes(roles, memory, a={}, b={"phase": 0.005}, c={"phase": 0.01})
    sets = Checked(group(list(found)))
    for camera in found.values():
        camera.ask("run")
    sets.until(lambda batch: batch.complete).close()
    found["c"].ask("stop")
    without = sets.until(lambda batch: not batch.mask[2])
    without.close()
    gaps, before = [], time.monotonic()
    for _ in range(30):
        with sets.take() as batch:
            assert batch.mask[0] or batch.mask[1]
        gaps.append(time.monotonic() - before)
        before = time.monotonic()
    assert sorted(gaps)[20] < 0.06, gaps  # Most come in the cameras' own steps.
    found["c"].ask("run")
    sets.until(lambda batch: batch.complete).close()
    assert sets.group.stats()["cameras"]["c"]["missing"] >= 20


def test_a_camera_that_is_killed_and_comes_again_in_another_size(roles, memory, group):
    found = camera_processes(roles, memory, a={}, b={})
    sets = Checked(group(list(found)))
    for camera in found.values():
        camera.ask("run")
    sets.until(lambda batch: batch.complete).close()
    found["b"].kill()
    sets.until(lambda batch: not batch.mask[1]).close()
    again = camera_processes(roles, memory, b={"width": 100, "height": 38})["b"]
    again.ask("run")
    with sets.until(lambda batch: batch.complete) as batch:
        assert (batch[1].width, batch[1].height) == (100, 38)
    counts = sets.group.stats()["cameras"]["b"]
    assert counts["restarts"] == 1 and counts["state"] == "live"
    again.ask("stop")
    again.ask("configure", format="RGB", width=32, height=32, memory=memory)
    again.ask("run")
    with sets.until(lambda batch: batch.mask[1] and batch[1].width == 32) as batch:
        assert batch[1].format == "RGB"


def test_a_camera_that_begins_late_is_in_the_sets_from_then_on(roles, memory, group):
    first = camera_processes(roles, memory, a={})["a"]
    first.ask("run")
    sets = Checked(group(["a", "b"], connect_timeout=0.1))
    with sets.take() as batch:
        assert batch.mask == (True, False)
    assert sets.group.stats()["cameras"]["b"]["state"] == "waiting"
    camera_processes(roles, memory, b={})["b"].ask("run")
    sets.until(lambda batch: batch.complete).close()


def test_the_first_set_waits_for_all_to_come(cameras, cleanup):
    """Where the group was made without waiting, too."""
    (a,) = cameras("a")
    sets = cuframes.Group(["a", "b"], within=0.02, connect_timeout=SECONDS)
    cleanup.append(sets)
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=0)
    a.send(0)
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=0.3)
    (b,) = cameras("b")
    b.began = a.began
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=0.05)
    b.send(1)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [0, 1]


# -------------------------------------------------------------------------------------------------------------- ends


def test_the_loop_ends_when_all_have_ended(cameras, group):
    a, b = cameras("a", "b")
    sets = group(["a", "b"], within=0.02)
    a.send(0)
    b.send(1)
    taken = []
    for batch in sets:
        taken.append(times_of(batch, a))
        batch.close()
        if len(taken) == 1:
            b.publisher.eos()
            a.send(40)
        elif len(taken) == 2:
            a.publisher.eos()
    assert taken == [[0, 1], [40, None]]
    a.send(80)
    b.send(81)
    with sets.next(timeout=SECONDS) as batch:  # What follows.
        assert times_of(batch, a) == [80, 81]


def test_all_gone_is_told_and_the_next_ones_are_waited_for(roles, memory, group):
    sets = group(["a", "b"], connect_timeout=0.01)
    for _ in range(2):
        found = camera_processes(roles, memory, a={}, b={})
        for camera in found.values():
            camera.ask("run")
        while not sets.next(timeout=SECONDS).complete:
            pass
        for camera in found.values():
            camera.kill()
        with pytest.raises(cuframes.PublisherGone, match="died") as raised:
            for batch in sets:
                batch.close()
        assert not isinstance(raised.value, cuframes.EndOfStream)


def test_with_on_gone_wait_it_waits(cameras, group):
    (a,) = cameras("a")
    sets = group(["a"], on_gone="wait")
    a.send(0)
    sets.next(timeout=SECONDS).close()
    a.publisher.close()
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=0.05)
    (a,) = cameras("a")
    a.send(100)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [100]


# ----------------------------------------------------------------------------------------------- leases and waiting


def test_leases_come_back(cameras, group):
    """A set holds one of each camera; what waits is bounded; and nothing is left when it is closed."""
    a, b = cameras("a", "b", max_slots=64)
    sets = group(["a", "b"], within=0.01, wait=math.inf, max_held=4)
    held = lambda: [subscriber.stats()["held"] for subscriber in sets.subscribers]  # noqa: E731
    for step in range(12):
        a.send(step * 33)
        with pytest.raises(cuframes.FrameTimeout):
            sets.next(timeout=0)
        assert held()[0] <= 4
    b.send(11 * 33)
    batch = sets.next(timeout=SECONDS)
    assert held() == [1, 1]
    batch.close()
    assert eventually(lambda: held() == [0, 0], 10)


def test_frames_are_found_where_the_ring_is_small(cameras, group):
    """Where a ring can spare no more leases the oldest frame that waits gives up its own."""
    a, b = cameras("a", "b", slots=4)
    sets = group(["a", "b"], within=0.01, wait=math.inf)
    for step in range(12):
        a.send(step * 33)
        with pytest.raises(cuframes.FrameTimeout):
            sets.next(timeout=0)
    b.send(11 * 33)
    with sets.next(timeout=SECONDS) as batch:
        assert times_of(batch, a) == [363, 363]


def test_tensors_keep_a_closed_batch_in_place(cameras, group, host_only, need):
    numpy = need("numpy")
    (a,) = cameras("a", format="GRAY8")
    sets = group(["a"])
    a.send(0)
    with sets.next(timeout=SECONDS) as batch:
        array = numpy.from_dlpack(batch[0].planes[0])
        before = array.copy()
    for step in range(1, 20):
        a.send(step * 33)
    assert (array == before).all()


def test_nothing_polls(cameras, group):
    """Who waits sleeps: no thread of the group's own, and no waking up for nothing."""
    (a,) = cameras("a")
    sets = group(["a", "b"], connect_timeout=0)
    a.send(0)
    sets.next(timeout=SECONDS).close()
    tasks = len(list(pathlib.Path("/proc/self/task").iterdir()))

    def switches():
        status = pathlib.Path("/proc/self/task", str(threading.get_native_id()), "status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    before = switches()
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=0.5)
    assert switches() - before <= 5
    assert len(list(pathlib.Path("/proc/self/task").iterdir())) <= tasks


def test_a_timeout_is_in_seconds_and_counted(cameras, group):
    cameras("a")
    sets = group(["a"])
    began = time.monotonic()
    with pytest.raises(cuframes.FrameTimeout, match='"a"'):
        sets.next(timeout=0.25)
    assert 0.25 <= time.monotonic() - began < SECONDS
    assert sets.stats()["timeouts"] == 1
    with pytest.raises(cuframes.InvalidArgument):
        sets.next(timeout=-1)


def test_close_wakes_who_waits(cameras, group):
    cameras("a")
    sets = group(["a"])
    raised = []

    def wait():
        try:
            sets.next()
        except cuframes.Closed as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert eventually(sets._poller._turn.locked)
    with pytest.raises(cuframes.Error, match="another thread"):
        sets.next(timeout=0)
    sets.close()
    thread.join(SECONDS)
    assert raised and sets.closed
    assert eventually(lambda: all(subscriber.closed for subscriber in sets.subscribers))
    with pytest.raises(cuframes.Closed):
        sets.next()
    sets.close()
    assert sets.stats()["cameras"]["a"]["used"] == 0


def test_close_just_before_the_wait(cameras, group):
    """Another thread closes it between the look whether it is open and the turn to wait."""
    cameras("a")
    sets = group(["a"])
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=0)

    class Late:
        def __init__(self, lock):
            self.lock = lock
            self.release = lock.release

        def acquire(self, blocking):
            sets._poller._turn = self.lock
            sets.close()
            sets._poller._turn = self
            return self.lock.acquire(blocking=blocking)

    sets._poller._turn = Late(sets._poller._turn)
    with pytest.raises(cuframes.Closed):
        sets.next(timeout=0)


AFTER_FORK = """
import cuframes, os
with cuframes.publish("a", format="GRAY8", width=8, height=8) as publisher, cuframes.group(["a"]) as sets:
    child = os.fork()
    if child == 0:
        try:
            sets.next(timeout=30)
        except cuframes.Forked:
            sets.close()
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    publisher.acquire().publish()
    print(sets.next(timeout=30).mask)
"""


def test_after_fork_it_says_so(directory, host_only):
    code, out, err = run_program(AFTER_FORK)
    assert (code, out) == (0, "(True,)\n"), err


def test_a_group_that_is_forgotten_is_closed_with_a_warning(cameras):
    cameras("a")
    sets = cuframes.Group(["a"])
    with pytest.warns(ResourceWarning, match="unclosed <cuframes.Group"):
        del sets
        gc.collect()


def test_control_c_ends_a_wait(program, directory):
    waiting = program(
        "import cuframes\n"
        "with cuframes.publish('a', format='GRAY8', width=8, height=8), cuframes.group(['a']) as group:\n"
        "    print('waiting', flush=True)\n"
        "    group.next()\n"
    )
    assert waiting.read_line() == "waiting"
    waiting.await_sleep()
    waiting.interrupt()
    code, _, err = waiting.finish()
    assert code != 0 and "KeyboardInterrupt" in err, err


# ------------------------------------------------------------------------------------------------------------ asyncio


def test_asyncio_takes_sets_while_others_run(roles, memory):
    found = camera_processes(roles, memory, a={"rate": 60}, b={"rate": 60})

    async def take():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticker = asyncio.create_task(tick())
        async with cuframes.Group(list(found)) as sets:
            for camera in found.values():
                camera.ask("run")
            checked = 0
            async for batch in sets:
                check(batch, sets.within)
                checked += batch.complete
                batch.close()
                if checked == 30:
                    break
        ticker.cancel()
        return ticks

    assert asyncio.run(asyncio.wait_for(take(), SECONDS)) > 10


def test_asyncio_ends_times_out_and_is_cancelled(cameras):
    a, b = cameras("a", "b")

    async def run():
        async with cuframes.Group(["a", "b"], within=0.02) as sets:
            with pytest.raises(cuframes.FrameTimeout):
                await sets.next_async(timeout=0.05)
            waiting = asyncio.create_task(sets.next_async())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            a.send(0)
            b.send(1)
            with await sets.next_async(timeout=SECONDS) as batch:
                assert times_of(batch, a) == [0, 1]
            a.publisher.eos()
            b.publisher.eos()
            assert [batch async for batch in sets] == []
            waiting = asyncio.create_task(sets.next_async())
            await asyncio.sleep(0.01)
            sets.close()
            with pytest.raises(cuframes.Closed):
                await waiting

    asyncio.run(asyncio.wait_for(run(), SECONDS))


# --------------------------------------------------------------------------------------------------------------- told


def test_statistics_are_ready_for_json(cameras, group):
    a, _ = cameras("a", "b")
    sets = group(["a", "b"], wait=0.01)
    a.send(0)
    sets.next(timeout=SECONDS).close()
    stats = json.loads(json.dumps(sets.stats()))
    assert (stats["sets"], stats["complete"]) == (1, 0)
    assert stats["cameras"]["b"]["missing"] == 1 and stats["cameras"]["a"]["used"] == 1


def test_a_camera_that_nobody_publishes_is_told(cameras, group, caplog, directory, host_only):
    (a,) = cameras("a")
    sets = group(["a", "b"], connect_timeout=0)
    a.send(0)
    sets.next(timeout=SECONDS).close()
    with pytest.raises(cuframes.FrameTimeout):
        sets.next(timeout=2.2)
    said = [record.getMessage() for record in caplog.records if "waiting for" in record.getMessage()]
    assert said == [f'group: waiting for "b" in {directory}: nobody publishes it']


def test_a_camera_that_comes_too_late_for_the_others_is_told(cameras, group, caplog):
    a, b = cameras("a", "b")
    sets = group(["a", "b"], within=0.02)
    a.send(0)
    b.send(-3000)
    for step in range(1, 4):
        with sets.next(timeout=SECONDS) as batch:
            assert batch.mask == (True, False)
        a.send(step * 33)
        b.send(step * 33 - 3000)
    said = [record.getMessage() for record in caplog.records if "later than" in record.getMessage()]
    assert len(said) == 1 and '"b"' in said[0] and "max_held" in said[0]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ([[]], {}, cuframes.InvalidArgument, "one key at least"),
        (["cam"], {}, TypeError, r"\['cam'\]"),
        ([["a", "b", "a"]], {}, cuframes.InvalidArgument, '"a" is in the group twice'),
        ([["a", 1]], {}, TypeError, "a key is text"),
        ([["a/b"]], {}, cuframes.InvalidArgument, "a/b"),
        ([["a"], -0.1], {}, cuframes.InvalidArgument, "within is 0 or more seconds"),
        ([["a"], math.nan], {}, cuframes.InvalidArgument, "within is 0 or more seconds"),
        ([["a"], "x"], {}, TypeError, "within is a number of seconds"),
        ([["a"]], {"wait": -1}, cuframes.InvalidArgument, "wait is 0 or more seconds"),
        ([["a"]], {"max_held": 1}, cuframes.InvalidArgument, "max_held is 2 to 64"),
        ([["a"]], {"mode": "newest"}, cuframes.InvalidArgument, "SubscriberMode"),
        ([["a"]], {"on_gone": "x"}, cuframes.InvalidArgument, "on_gone"),
        ([["a"]], {"connect_timeout": -1}, cuframes.InvalidArgument, "connect_timeout is 0 or more"),
    ],
)
def test_arguments_that_are_wrong_are_told(arguments, options, error, words):
    with pytest.raises(error, match=words):
        cuframes.group(*arguments, **options)


def test_a_key_of_packets_is_refused(cameras):
    cameras("a")
    with cuframes.publish_packets("b", caps="application/x-test"):
        with pytest.raises(cuframes.OtherContent, match="packets"):
            cuframes.group(["a", "b"])
