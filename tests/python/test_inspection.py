# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is shared can be asked for without attaching to it, and is what its publisher counts."""

import cuframes
import pytest

np = pytest.importorskip("numpy")


def test_frames_are_told_of(directory):
    with cuframes.publish("cam", format="RGB", width=40, height=30, directory=directory) as publisher:
        assert cuframes.inspect("cam", directory=directory).state == "waiting"
        publisher.send(np.zeros((30, 40, 3), np.uint8))
        with cuframes.subscribe("cam", directory=directory, consumer_name="viewer"):
            ring = cuframes.inspect("cam", directory=directory)
            assert (ring.key, ring.state, ring.content, ring.message) == ("cam", "live", "frames", "")
            assert (ring.format, ring.width, ring.height, ring.memory) == ("RGB", 40, 30, "host")
            assert 0 <= ring.age < 60
            assert [one["name"] for one in ring.subscribers] == ["viewer"]
            assert ring.stats == publisher.stats()


def test_packets_are_told_of(directory):
    with cuframes.publish_packets("cam", caps="application/x-test", directory=directory) as publisher:
        publisher.send(b"packet", pts=1)
        (ring,) = cuframes.list(directory=directory)
        assert (ring.content, ring.caps, ring.window["packets"]) == ("packets", "application/x-test", 1)
        assert ring.memory == ""


def test_what_is_not_there(directory):
    assert cuframes.list(directory=directory) == []
    with pytest.raises(cuframes.PublisherGone, match="no publisher"):
        cuframes.inspect("cam", directory=directory)
    with pytest.raises(cuframes.InvalidArgument):
        cuframes.inspect("../cam", directory=directory)


def test_a_star_import_leaves_list_what_it_is():
    names = {}
    exec("from cuframes import *", names)
    assert "list" not in names and names["inspect"] is cuframes.inspect
