# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package, libcuframes-gst and the plugin in one process: what is per process is there once."""

import ctypes
import os
import pathlib

import cuframes
import numpy
import pytest
from probes import MEMORY
from processes import SECONDS


@pytest.fixture
def play(need, key):
    """Starts a pipeline that publishes the key; says why it does not start."""
    need("cuframes.gst")
    from gi.repository import Gst

    pipelines = []

    def start():
        pipeline = Gst.parse_launch(
            f"videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=32,height=8 ! cuframessink key={key}"
        )
        pipelines.append(pipeline)
        pipeline.set_state(Gst.State.PLAYING)
        if pipeline.get_state(int(SECONDS * 1e9))[0] != Gst.StateChangeReturn.FAILURE:
            return pipeline
        message = pipeline.get_bus().timed_pop_filtered(int(SECONDS * 1e9), Gst.MessageType.ERROR)
        return message.parse_error()[0].message

    yield start
    for pipeline in pipelines:
        pipeline.set_state(Gst.State.NULL)


def here():
    return f"this very process (pid {os.getpid()})"


def test_a_key_of_the_package_is_refused_to_the_element(play, key):
    """cuframessink cannot have the key that publish() holds in the same process, and is told that it is here."""
    with cuframes.publish(key, format="GRAY8", width=32, height=8, memory="host"):
        refusal = play()
        assert isinstance(refusal, str) and here() in refusal
    assert not isinstance(play(), str)


def test_a_key_of_the_element_is_refused_to_the_package(play, key):
    """publish() cannot have the key that a pipeline of the same process holds, and can when that has ended."""
    from gi.repository import Gst

    pipeline = play()
    assert not isinstance(pipeline, str), pipeline
    with pytest.raises(cuframes.KeyInUse) as refused:
        cuframes.publish(key)
    assert here() in str(refused.value)
    pipeline.set_state(Gst.State.NULL)
    cuframes.publish(key).close()


def calls_of_driver(name):
    """How often the stand-in driver was called so."""
    driver = ctypes.CDLL("libcuda.so.1")
    driver.fake_cuda_calls.restype = ctypes.c_uint64
    return driver.fake_cuda_calls(name.encode())


def reapers():
    """Threads of that name: the reaper, and what the stand-in driver started in its calls."""
    return [
        thread
        for thread in pathlib.Path("/proc/self/task").glob("*/comm")
        if thread.read_text().strip() == "cuframes-reaper"
    ]


@pytest.mark.skipif(MEMORY != "cuda", reason="host memory needs neither")
def test_one_reaper_and_one_pool_of_gpu_memory(need, publish, subscribe):
    """What the package and libcuframes-gst copy on a GPU comes from one pool and is given back by one thread."""
    gst = need("cuframes.gst")
    pixels = numpy.arange(64, dtype="u1").reshape(8, 8)

    publisher, subscriber = publish(), subscribe()
    with publisher.acquire() as slot:
        slot.pts = 1
    frame = subscriber.next_frame()
    frame.copy().close()
    gst.drain()
    pools, threads = calls_of_driver("cuMemPoolCreate"), reapers()
    assert threads
    gst.to_buffer(pixels, "GRAY8", device="cuda:0")  # A copy, into memory of the library's own.
    gst.drain()
    assert calls_of_driver("cuMemPoolCreate") == pools
    assert reapers() == threads
