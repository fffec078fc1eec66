# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slots are used again and again while readers hold tensors of them: no reader ever sees a torn, stale or
changed picture, whoever is killed."""

import random

import capsule
import cuframes
import pictures
import pytest


def check(tensor, number):
    expected = pictures.plane_of(number, 0, tensor.shape, "u1")
    return (tensor.array() == expected).all()


@pytest.mark.parametrize("slots, max_held", [(3, 1), (4, 2)])
def test_smallest_ring_at_full_speed(publisher_process, subscribe, slots, max_held):
    """The smallest ring, its publisher without a pause, tensors checked after their frame was released and
    the ring had time to go round: hundreds of frames, all right."""
    publisher = publisher_process(slots=slots)
    subscriber = subscribe(max_held=max_held, mode=cuframes.SubscriberMode.NEWEST_ONLY)
    publisher.ask("run")
    wrong = numbers = 0
    for _ in range(400):
        with subscriber.next_frame(timeout_ms=10000) as frame:
            number = frame.pts // 1000
            tensor = capsule.take(frame.planes[0])
        first_look = check(tensor, number)
        wrong += not (first_look and check(tensor, number))
        tensor.delete()
        numbers += 1
    assert wrong == 0 and publisher.ask("stop")["number"] > numbers
    assert subscriber.last_seq >= numbers  # on a busy machine it may keep up


def test_tensors_dropped_in_any_order(publisher_process, subscribe):
    """Several frames' tensors held at a time and dropped in random order, some with a copy left: all are
    right when they go."""
    chance = random.Random(20)
    publisher = publisher_process(slots=8)
    subscriber = subscribe(max_held=6, mode=cuframes.SubscriberMode.NEWEST_ONLY)
    publisher.ask("run")
    held = []
    for _ in range(300):
        frame = subscriber.next_frame(timeout_ms=10000)
        held.append((capsule.take(frame.planes[0]), frame.pts // 1000))
        if chance.random() < 0.3:
            held.append((capsule.take(frame.planes[0], copy=True), frame.pts // 1000))
        frame.release()
        del frame
        while subscriber.stats()["held"] > 4 or len(held) > 12:
            tensor, number = held.pop(chance.randrange(len(held)))
            assert check(tensor, number)
            tensor.delete()
    publisher.ask("stop")
    for tensor, number in held:
        assert check(tensor, number)
        tensor.delete()


def test_lossless_means_lossless(publisher_process, roles, key):
    """Under policy wait two strict readers in processes of their own get every frame, in order and whole."""
    publisher = publisher_process(slots=8, policy="wait", wait_timeout_ms=60000)
    readers = [roles("subscriber", key=key, mode="STRICT_ORDER", max_held=1) for _ in range(2)]
    for reader in readers:
        reader.ask("connect")
    publisher.send("publish", count=60)
    for number in range(1, 61):
        for reader in readers:
            reader.send("next", picture=number)
        for reader in readers:
            answer = reader.answer()
            assert (answer["seq"], answer["missed"], answer["difference"]) == (number, 0, "")
    publisher.answer()
    assert publisher.ask("stats")["lapped"] == 0


def test_killed_readers_and_publishers(publisher_process, roles, key, subscribe):
    """Readers killed while they hold frames, publishers killed while they write: those who stay go on, and
    what they see is whole."""
    survivor = None
    for incarnation in range(3):
        publisher = publisher_process(slots=8, first=1 + incarnation * 100_000)
        survivor = survivor or subscribe(
            on_gone="wait", mode=cuframes.SubscriberMode.NEWEST_ONLY, consumer_name="survivor"
        )
        publisher.ask("run")
        victim = roles("subscriber", key=key, max_held=2)
        victim.ask("next", hold=True)
        seen = 0
        while seen < 40:
            with survivor.next_frame(timeout_ms=30000) as frame:
                assert pictures.difference(frame, frame.pts // 1000) == ""
                seen += frame.pts // 1000 > incarnation * 100_000
            if seen == 20:
                victim.kill()
        publisher.kill()
    assert survivor.stats()["reconnects"] == 2
