# SPDX-License-Identifier: LGPL-2.1-or-later
"""The other side dies, closes, or is a forked copy of this one: who is told what, and what stays."""

import cuframes
import pictures
import pytest
from processes import SECONDS, eventually


def publish_one(publisher, number=1):
    with publisher.acquire() as slot:
        pictures.draw(slot, number)


FORKED = """
import os, sys, cuframes
publisher = cuframes.publish("forked", format="NV12", width=64, height=48, memory=sys.argv[1])
subscriber = cuframes.subscribe("forked", connect_timeout_ms=10000)
with publisher.acquire(): pass
frame = subscriber.next_frame(timeout_ms=10000)
pid = os.fork()
if pid == 0:
    calls = (lambda: subscriber.next_frame(timeout_ms=0), publisher.acquire, subscriber.stats,
             publisher.stats, lambda: publisher.send(frame), lambda: frame.copy(),
             lambda: frame.planes[0].__dlpack__())
    for number, call in enumerate(calls):
        try:
            call()
        except (cuframes.Forked, BufferError) as error:
            assert "fork" in str(error), error
        else:
            print("call", number, "worked", flush=True)
            os._exit(1)
    repr(publisher), repr(subscriber), repr(frame)
    del frame
    subscriber.close(); publisher.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
with publisher.acquire(): pass
subscriber.next_frame(timeout_ms=10000).close()
frame.close(); subscriber.close(); publisher.close()
"""


def test_fork(program, memory):
    """In a forked child every call on an inherited object says Forked and harms nothing; the parent goes
    on."""
    code, out, err = program(FORKED, memory).finish()
    assert (code, out) == (0, ""), err


def test_publisher_gone(publisher_process, subscribe):
    """A killed publisher: what it had published is still delivered, then PublisherGone; a new call waits for
    a new publisher, and gets its frames."""
    publisher = publisher_process()
    subscriber = subscribe()
    publisher.ask("publish", count=2)
    assert subscriber.next_frame(timeout_ms=10000).seq == 1
    publisher.kill()
    assert subscriber.next_frame(timeout_ms=10000).seq == 2
    with pytest.raises(cuframes.PublisherGone) as caught:
        subscriber.next_frame(timeout_ms=10000)
    assert not isinstance(caught.value, cuframes.EndOfStream)
    publisher_process().ask("publish")
    subscriber.next_frame(timeout_ms=10000)
    assert subscriber.stats()["reconnects"] == 1


def test_on_gone_wait(publisher_process, subscribe):
    """With on_gone="wait" the death of a publisher is only a pause: the next publisher's frames follow."""
    publisher = publisher_process()
    subscriber = subscribe(on_gone="wait")
    publisher.ask("publish")
    old = subscriber.next_frame(timeout_ms=10000)
    publisher.kill()
    with pytest.raises(cuframes.FrameTimeout):
        subscriber.next_frame(timeout_ms=10)
    successor = publisher_process(first=9)
    successor.ask("publish")
    frame = subscriber.next_frame(timeout_ms=int(SECONDS * 1000))
    assert frame.discontinuity and frame.epoch != old.epoch
    assert (pictures.difference(frame, 9), pictures.difference(old, 1)) == ("", "")
    assert subscriber.stats()["reconnects"] == 1


def test_a_reader_that_dies_gives_back(publish, roles, key):
    """A killed reader's frames come back to the ring."""
    publisher = publish(slots=4)
    reader = roles("subscriber", key=key, max_held=2)
    reader.ask("connect")
    publish_one(publisher)
    reader.ask("next", hold=True)
    reader.kill()
    assert eventually(lambda: publisher.stats()["subscribers"] == 0)
    slots = [publisher.acquire() for _ in range(3)]
    assert len({slot.index for slot in slots}) == 3
    for slot in slots:
        slot.release()
