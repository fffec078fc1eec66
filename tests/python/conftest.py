# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: a socket directory and key of the test's own, publishers and subscribers in this process or
others, and a look afterwards at what was left behind.

CUFRAMES_TEST_MEMORY (host, cuda) says where frames lie; CUFRAMES_TEST_REQUIRE lists modules whose absence is
a failure and not a reason to skip.
"""

import ctypes
import faulthandler
import gc
import importlib
import itertools
import os
import pathlib
import shutil
import tempfile

import cuframes
import pictures
import pytest
from probes import MEMORY, descriptors
from processes import SECONDS, Program, Role, eventually

_keys = itertools.count(1)


@pytest.fixture(autouse=True)
def watchdog():
    """A test that hangs, with the interpreter lock held perhaps, ends with every thread's stack on stderr."""
    faulthandler.dump_traceback_later(4 * SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def directory(monkeypatch):
    # Short, because a socket's path has 107 bytes.
    path = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-"))
    monkeypatch.setenv("CUFRAMES_DIR", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def no_leaks(directory, request):
    """What a test opened is closed once it let go of everything."""
    before = descriptors()
    yield
    # pytest itself keeps what fixtures gave to the test until later.
    request.node.funcargs.clear()

    def extra():
        gc.collect()
        return descriptors() - before

    assert eventually(lambda: not extra(), seconds=10), f"descriptors left open: {extra()}"


@pytest.fixture
def key():
    return f"key-{os.getpid()}-{next(_keys)}"


@pytest.fixture
def memory():
    return MEMORY


@pytest.fixture
def cleanup():
    """Things to close at the end, in reverse."""
    things = []
    yield things
    while things:
        things.pop().close()


@pytest.fixture
def publish(key, memory, cleanup):
    """Makes a publisher in this process."""

    def make(format="NV12", width=64, height=48, **options):
        options.setdefault("memory", memory)
        publisher = cuframes.publish(options.pop("key", key), format=format, width=width, height=height, **options)
        cleanup.append(publisher)
        return publisher

    return make


@pytest.fixture
def subscribe(key, cleanup):
    """Makes an attached subscriber in this process, in strict mode: every frame comes."""

    def make(**options):
        options.setdefault("mode", cuframes.SubscriberMode.STRICT_ORDER)
        options.setdefault("connect_timeout_ms", int(SECONDS * 1000))
        subscriber = cuframes.subscribe(options.pop("key", key), **options)
        cleanup.append(subscriber)
        return subscriber

    return make


@pytest.fixture
def frame(publisher, subscribe):
    """Of the test's own publisher, with the picture of number 1."""
    subscriber = subscribe()
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    return subscriber.next_frame(timeout_ms=10000)


@pytest.fixture
def roles():
    """Starts processes and ends them all."""
    started = []

    def start(name, env=None, **options):
        started.append(Role(name, env, **options))
        return started[-1]

    yield start
    failure = None
    while started:
        try:
            started.pop().close()
        except AssertionError as error:
            failure = error
    if failure:
        raise failure


@pytest.fixture
def publisher_process(roles, key, memory):
    def start(format="NV12", width=64, height=48, **options):
        options.setdefault("memory", memory)
        options.setdefault("key", key)
        return roles("publisher", format=format, width=width, height=height, **options)

    return start


@pytest.fixture
def program():
    """Starts Python programs given as text."""
    started = []

    def start(text, *arguments, env=None):
        started.append(Program(text, *arguments, env=env))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def need():
    """Imports a module, or skips; fails where the environment has promised it."""

    def load(name):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            if name.split(".")[0] in os.environ.get("CUFRAMES_TEST_REQUIRE", "").split(","):
                pytest.fail(f"{name} must be here: {error}")
            pytest.skip(f"no {name} here: {error}")

    return load


class StandIn:
    """What the stand-in driver tells beyond the driver's own functions (tests/fake-cuda/fake_cuda.h)."""

    STATS = [
        "contexts",
        "streams",
        "events",
        "allocations",
        "allocation_bytes",
        "host_allocations",
        "host_allocation_bytes",
        "host_registrations",
        "vmm_handles",
        "vmm_bytes",
        "reservations",
        "mappings",
        "pools",
    ]
    COPIES = [
        f"{way}{unit}"
        for way in ("device_to_device", "host_to_device", "device_to_host", "host_to_host", "fill")
        for unit in ("", "_bytes")
    ]

    def __init__(self, driver):
        self.driver = driver

    def _read(self, function, names):
        numbers = (ctypes.c_uint64 * len(names))()
        getattr(self.driver, function)(numbers)
        return dict(zip(names, numbers))

    def stats(self):
        return self._read("fake_cuda_stats", self.STATS)

    def copies(self):
        return self._read("fake_cuda_copies", self.COPIES)

    def reset_copies(self):
        self.driver.fake_cuda_reset_copies()

    def calls(self, name):
        self.driver.fake_cuda_calls.restype = ctypes.c_uint64
        return self.driver.fake_cuda_calls(name.encode())

    def set_delay_us(self, microseconds):
        self.driver.fake_cuda_set_delay_us(ctypes.c_uint64(microseconds))


@pytest.fixture
def stand_in(memory):
    """For tests that look into GPU memory with the CPU, or into the driver."""
    if memory != "cuda":
        pytest.skip("frames lie in host memory in this run")
    driver = ctypes.CDLL("libcuda.so.1")
    assert hasattr(driver, "fake_cuda_stats"), "these tests read GPU memory with the CPU: only the stand-in allows it"
    found = StandIn(driver)
    yield found
    found.set_delay_us(200)


@pytest.fixture
def host_only(memory):
    if memory != "host":
        pytest.skip("about host memory alone")
