# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which frames belong together, by their times alone."""

import itertools
import random

import pytest
from cuframes import _pairing

MS = 1_000_000


def times_of(times, found):
    return [None if place is None else own[place] for own, place in zip(times, found)]


def spread_of(times, found):
    there = [time for time in times_of(times, found) if time is not None]
    return max(there) - min(there)


def all_sets(times):
    """Every set that there could be."""
    return itertools.product(*([None, *range(len(own))] for own in times))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([[0, 33], [1, 34]], [33, 34]),  # The newest of all.
        ([[0, 33, 66], [1]], [0, 1]),  # One is behind: those of its time, not the newest.
        ([[0, 33], [31]], [33, 31]),
        ([[10], [0, 25], [24]], [10, 25, 24]),  # The nearest of each alone would be 24 apart.
        ([[0], [21]], None),
        ([[0], []], None),
        ([[], []], None),
    ],
)
def test_the_newest_set_that_is_whole(times, expected):
    found = _pairing.newest(times, range(len(times)), 20)
    assert (found and times_of(times, found)) == expected


def test_cameras_that_are_not_wanted_are_in_the_set_if_they_fit():
    assert times_of([[0], [5], [40]], _pairing.newest([[0], [5], [40]], [0], 20)) == [0, 5, None]
    assert _pairing.newest([[0], []], [0], 20) == [0, None]


def test_the_fullest_set_is_that_of_the_most_cameras():
    times = [[0, 33, 66], [1], []]
    assert times_of(times, _pairing.fullest(times, 20)) == [0, 1, None]
    assert times_of([[0, 33], [], []], _pairing.fullest([[0, 33], [], []], 20)) == [33, None, None]
    assert _pairing.fullest([[], []], 20) is None


def test_in_order_each_frame_of_the_first_has_its_set():
    assert _pairing.of_first([[0, 33], [1]], [0, 1], 20) == [0, 0]
    assert _pairing.of_first([[0, 33], [-9]], [0, 1], 20) is None, "one that is nearer may still come"
    assert times_of([[0], [-9, 11]], _pairing.of_first([[0], [-9, 11]], [0, 1], 20)) == [0, -9]
    assert _pairing.of_first([[0], [40]], [0, 1], 20) == [0, None]
    assert _pairing.of_first([[], [1]], [0, 1], 20) is None


def test_no_set_is_wider_than_allowed_and_none_has_more_cameras():
    """Against all sets that there could be, over cameras of any rates and phases."""
    chance = random.Random(7)
    for _ in range(300):
        times = [
            sorted({round(chance.uniform(0, 100)) for _ in range(chance.randrange(4))})
            for _ in range(chance.randrange(1, 5))
        ]
        for anchor in {time for own in times for time in own}:
            within = chance.randrange(40)
            found = _pairing.around(anchor, times, within)
            assert anchor in times_of(times, found)
            assert spread_of(times, found) <= within
            others = [
                one for one in all_sets(times) if anchor in times_of(times, one) and spread_of(times, one) <= within
            ]
            most = max(len(one) - one.count(None) for one in others)
            assert len(found) - found.count(None) == most
