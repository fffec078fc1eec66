# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central promise: a tensor may be dropped right after the kernel that reads it was launched. The GPU
itself gives the slot back, when its work is done."""

import pytest

# About half a millisecond, and 20: a GPU gives processes their turns, and within the longer a publisher at
# full speed certainly has several, in each of which it goes round its ring.
SPIN_CYCLES = 1_000_000
LONG_SPIN_CYCLES = 40 * SPIN_CYCLES


@pytest.fixture(params=["torch", "cupy"])
def library(request):
    if request.param == "torch":
        if not pytest.importorskip("torch").cuda.is_available():
            pytest.skip("torch without CUDA")
    else:
        pytest.importorskip("cupy")
    return request.param


def race(gpu_publisher, roles, key, library, slots, max_held, frames, spin_cycles, env=None):
    publisher = gpu_publisher(slots=slots, library=library)
    reader = roles("gpu_reader", env, key=key, library=library, max_held=max_held)
    publisher.ask("run")
    reader.send("read", frames=frames, spin_cycles=spin_cycles)
    result = reader.answer()
    return result, publisher.ask("stop")


@pytest.mark.parametrize("frames, spin_cycles", [(4000, SPIN_CYCLES), (250, LONG_SPIN_CYCLES)])
@pytest.mark.parametrize("slots, max_held", [(3, 1), (4, 2)])
def test_every_result_is_right(gpu_publisher, roles, key, library, slots, max_held, frames, spin_cycles, figures):
    """The smallest legal ring, a publisher process at full speed, a slow kernel on a non-blocking stream,
    tensor and frame dropped at once, thousands of frames: every result is right."""
    result, published = race(gpu_publisher, roles, key, library, slots, max_held, frames, spin_cycles)
    figures(library=library, slots=slots, max_held=max_held, **result, publisher=published)
    assert result["wrong_frames"] == 0
    assert published["published"] > result["frames"]


def test_released_by_the_host_it_fails(gpu_publisher, roles, key, library, figures):
    """And this shows that the test can fail: released as soon as the host says so, without waiting for the
    GPU, the same work reads torn or newer pictures."""
    result, published = race(
        gpu_publisher, roles, key, library, 4, 2, 250, LONG_SPIN_CYCLES, {"CUFRAMES_UNSAFE_RELEASE": "host"}
    )
    figures(library=library, unsafe_release="host", **result, publisher=published)
    assert result["wrong_frames"] > 0


def test_the_publisher_is_not_held_up(gpu_publisher, roles, key, library, figures):
    """A reader whose kernels run long costs a dropping publisher nothing but the slots it was granted."""
    publisher = gpu_publisher(slots=6, library=library)
    reader = roles("gpu_reader", key=key, library=library, max_held=2)
    publisher.ask("run")
    reader.send("read", frames=50, spin_cycles=LONG_SPIN_CYCLES)
    result = reader.answer()
    published = publisher.ask("stop")
    figures(library=library, **result, publisher=published)
    assert result["wrong_frames"] == 0
    assert published["published"] > 4 * result["frames"]
