# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches as one tensor: each picture as its frame alone would have it, at its place, and zeros where there is none."""

import cuframes
import numpy
import pytest
from probes import monotonic_ns
from processes import SECONDS

# Four of another format and size, and one that brings nothing.
CAMERAS = {
    "a": ("NV12", 66, 48, "bt709"),
    "b": ("I420", 33, 27, "bt601"),
    "c": ("RGB", 64, 48, "sRGB"),
    "d": ("NV12", 40, 1080, ""),
}


@pytest.fixture
def torch(need):
    return need("torch")


@pytest.fixture
def batch(publish, cleanup):
    """Of cameras with noise of their own."""
    chance = numpy.random.default_rng(5)
    publishers = {}
    for key, (format, width, height, colours) in CAMERAS.items():
        said = f", colorimetry=(string){colours}" if colours else ""
        caps = f"video/x-raw, format=(string){format}, width=(int){width}, height=(int){height}{said}"
        publishers[key] = publish(format, width, height, key=key, caps=caps, memory="host")
    publish(key="e", memory="host")
    group = cuframes.group([*CAMERAS, "e"], within=1, wait=0.05)
    cleanup.append(group)
    for publisher in publishers.values():
        with publisher.acquire() as slot:
            for plane in slot.planes:
                numpy.asarray(plane.bytes)[...] = chance.integers(0, 256, plane.bytes.shape, numpy.uint8)
            slot.pts = monotonic_ns()
    found = group.next(timeout=SECONDS)
    assert found.mask == (True, True, True, True, False)
    cleanup.append(found)
    return found


OPTIONS = [
    {"size": (24, 32)},
    {"size": 20, "layout": "HWC"},
    {"size": (24, 32), "dtype": "uint8"},
    {"size": (24, 32), "dtype": "float16", "letterbox": True},
    {"size": (48, 32), "normalize": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "letterbox": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_picture_is_as_its_frame_has_it(batch, torch, options):
    if "dtype" in options:
        options = {**options, "dtype": getattr(torch, options["dtype"])}
    found = batch.to_tensor(**options)
    assert found.shape[0] == 5
    for picture, frame in zip(found, batch):
        expected = torch.zeros_like(picture) if frame is None else frame.to_tensor(**options)
        assert torch.equal(picture, expected)


def test_it_is_written_where_it_is_wanted(batch, torch):
    """Into part of a larger tensor, which has what was there before elsewhere; the size is that of it."""
    whole = torch.full((7, 3, 24, 40), 9.0)
    out = whole[1:6, :, :, 4:36]
    assert batch.to_tensor(out=out) is out
    assert torch.equal(out, batch.to_tensor((24, 32)))
    assert (whole[0] == 9).all() and (whole[6] == 9).all() and (whole[..., :4] == 9).all()
    again = torch.empty((5, 20, 30, 3), dtype=torch.uint8)
    batch.to_tensor(layout="HWC", out=again)
    assert torch.equal(again, batch.to_tensor((20, 30), torch.uint8, "HWC"))


def test_it_outlives_the_batch(batch, torch):
    before = batch.to_tensor((24, 32))
    copy = before.clone()
    batch.close()
    assert torch.equal(before, copy)
    with pytest.raises(BufferError, match="released"):
        batch.to_tensor((24, 32))


def test_what_does_not_fit_is_told(batch, torch):
    with pytest.raises(ValueError, match=r"33x27 and 40x1080 and 64x48 and 66x48: give size="):
        batch.to_tensor()
    with pytest.raises(ValueError, match="a batch of 5 cameras"):
        batch.to_tensor(out=torch.empty((4, 3, 24, 32)))
    with pytest.raises(ValueError, match="out= is"):
        batch.to_tensor((10, 10), out=torch.empty((5, 3, 24, 32)))
    with pytest.raises(TypeError, match="torch.Tensor"):
        batch.to_tensor(out=numpy.empty((5, 3, 24, 32)))


def test_one_size_needs_no_naming(publish, cleanup, torch):
    publishers = [publish(key=key, memory="host") for key in "ab"]
    group = cuframes.group(["a", "b"], within=1)
    cleanup.append(group)
    for publisher in publishers:
        with publisher.acquire() as slot:
            slot.pts = monotonic_ns()
    with group.next(timeout=SECONDS) as found:
        assert found.to_tensor().shape == (2, 3, 48, 64)


def test_frames_on_a_gpu_are_brought_to_the_cpu(publish, cleanup, torch, stand_in):
    publisher = publish(key="a")
    group = cuframes.group(["a"])
    cleanup.append(group)
    with publisher.acquire() as slot:
        slot.pts = monotonic_ns()
    with group.next(timeout=SECONDS) as found:
        assert found[0].memory == "cuda"
        assert torch.equal(found.to_tensor(device="cpu")[0], found[0].to_tensor(device="cpu"))


def test_batches_of_live_cameras_are_what_the_host_makes_of_their_frames(roles, memory, torch):
    """What gpu/test_gpu_group.py does on a GPU, without one: over rings in either memory, and no graph."""
    keys = ["a", "b", "c"]
    roles("pattern_cameras", keys=keys, memory=memory, rate=30).ask("run")
    found = roles("batch_reader", keys=keys, device="cpu").ask("read", batches=15)
    assert (found["batches"], found["wrong_values"], found["wrong_replays"]) == (15, [0, 0, 0], 0), found
