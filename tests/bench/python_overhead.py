# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a frame costs in Python, in host memory, beside what people do without cuframes.

    ./dev run python3 tests/bench/python_overhead.py

First the time of single calls. Then one producer and one reader, each a process of its own, with numpy
arrays: the producer has a picture, and the reader wants to see it. Beside cuframes that is a ring of
`multiprocessing.shared_memory` with a `multiprocessing.Queue` that says which slot is next (one copy, like
`send()`); the same with a second copy in the reader, as nothing else keeps a slot from being overwritten; and
a `Queue` that takes the array itself, pickled. Times are in microseconds; latency is from before the
producer's call until the reader has the array.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from multiprocessing import shared_memory

import cuframes
import numpy

SLOTS = 8
STRICT = cuframes.SubscriberMode.STRICT_ORDER
PICTURES = {"RGB 64x64": ((64, 64, 3), "RGB"), "NV12 1920x1080": ((1620, 1920), "NV12")}
END = -1


class Cuframes:
    """send() copies the picture into the ring; the reader's array is the ring's memory."""

    name = "cuframes"

    def __init__(self, shape, format):
        self.format = format

    def open_producer(self):
        self.publisher = cuframes.publish("bench", slots=SLOTS, policy="wait", wait_timeout_ms=60_000)

    def put(self, picture):
        self.publisher.send(picture, format=self.format)

    def close_producer(self):
        self.publisher.eos()
        self.publisher.close()

    def pictures(self, ready):
        with cuframes.Subscriber("bench", mode=STRICT) as subscriber:
            ready.set()
            for frame in subscriber:
                yield numpy.from_dlpack(frame.planes[0])


class SharedMemory:
    """The same by hand."""

    name = "shared_memory and Queue"

    def __init__(self, shape, format):
        self.shape = shape
        self.size = int(numpy.prod(shape))
        self.queue = multiprocessing.get_context("spawn").Queue()

    def open_producer(self):
        self.memory = shared_memory.SharedMemory(f"cuframes-bench-{os.getpid()}", create=True, size=SLOTS * self.size)
        self.ring = numpy.ndarray((SLOTS, *self.shape), "u1", self.memory.buf)
        self.queue.put(self.memory.name)
        self.next = 0

    def put(self, picture):
        slot = self.next % SLOTS
        self.ring[slot] = picture
        self.queue.put(slot)
        self.next += 1

    def close_producer(self):
        self.queue.put(END)
        del self.ring
        self.memory.close()

    def pictures(self, ready):
        memory = shared_memory.SharedMemory(self.queue.get())
        ring = numpy.ndarray((SLOTS, *self.shape), "u1", memory.buf)
        ready.set()
        while (slot := self.queue.get()) != END:
            yield ring[slot]
        del ring
        memory.close()
        memory.unlink()


class SharedMemoryCopied(SharedMemory):
    """And with an array that is the reader's own."""

    name = "shared_memory, Queue, copied out"

    def pictures(self, ready):
        for picture in super().pictures(ready):
            yield picture.copy()


class Pickled:
    """The array itself through a Queue."""

    name = "Queue of arrays"

    def __init__(self, shape, format):
        self.queue = multiprocessing.get_context("spawn").Queue(SLOTS)

    def open_producer(self):
        pass

    def put(self, picture):
        # A Queue pickles later, in a thread: without the copy it would be another picture by then.
        self.queue.put(picture.copy())

    def close_producer(self):
        self.queue.put(None)

    def pictures(self, ready):
        ready.set()
        while (picture := self.queue.get()) is not None:
            yield picture


SYSTEMS = (Cuframes, SharedMemory, SharedMemoryCopied, Pickled)


def read(system, directory, ready, results):
    """The reader's process: sends back latencies and the CPU time of a frame."""
    os.environ["CUFRAMES_DIR"] = directory
    latencies, begin = [], None
    for picture in system.pictures(ready):
        begin = time.process_time() if begin is None else begin
        sent = picture.reshape(-1)[:8].view("<i8")[0]
        latencies.append((time.monotonic_ns() - int(sent)) / 1000)
    results.put((latencies, 1e6 * (time.process_time() - begin) / len(latencies)))


def compare(system, shape, frames, rate, directory):
    """(latency p50, p99, producer's call p50, reader's CPU, frames that came)."""
    spawn = multiprocessing.get_context("spawn")
    ready, results = spawn.Event(), spawn.Queue()
    reader = spawn.Process(target=read, args=(system, directory, ready, results))
    reader.start()
    system.open_producer()
    ready.wait()
    picture = numpy.zeros(shape, "u1")
    calls = []
    if isinstance(system, Cuframes):
        # Its ring is made with the first picture; that is not what is measured.
        system.publisher.configure(system.format, *reversed(image_size(shape, system.format)))
        system.publisher.wait_subscribers()
    start = time.monotonic()
    for number in range(frames):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        begin = time.monotonic_ns()
        picture.reshape(-1)[:8].view("<i8")[0] = begin
        system.put(picture)
        calls.append((time.monotonic_ns() - begin) / 1000)
    system.close_producer()
    latencies, cpu = results.get()
    reader.join()
    p99 = statistics.quantiles(latencies, n=100)[98]
    return statistics.median(latencies), p99, statistics.median(calls), cpu, len(latencies)


def image_size(shape, format):
    """Rows and columns of the picture that an array of this shape holds."""
    return (shape[0] * 2 // 3, shape[1]) if format == "NV12" else shape[:2]


def timed(call, repeat):
    begin = time.perf_counter_ns()
    result = call()
    repeat.append((time.perf_counter_ns() - begin) / 1000)
    return result


def single_calls(count):
    """Medians of the calls that make up a frame's way, for a picture so small that copying it takes no time."""
    send, take, convert, release = [], [], [], []
    picture = numpy.zeros((64, 64, 3), "u1")
    with cuframes.publish("calls") as publisher:
        publisher.send(picture)
        with cuframes.subscribe("calls", mode=STRICT) as subscriber:
            subscriber.next_frame().close()
            for _ in range(count):
                timed(lambda: publisher.send(picture), send)
                frame = timed(subscriber.next_frame, take)
                array = timed(lambda frame=frame: numpy.from_dlpack(frame.planes[0]), convert)
                del array
                timed(frame.close, release)
    calls = {"`publisher.send(array)`": send, "`subscriber.next_frame()`, one is there": take}
    calls.update({"`numpy.from_dlpack(frame.planes[0])`": convert, "`frame.close()`": release})
    return {name: statistics.median(times) for name, times in calls.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rate", type=float, default=120)
    parser.add_argument("--calls", type=int, default=20000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overhead-") as directory:
        os.environ["CUFRAMES_DIR"] = directory
        print("| call, RGB 64x64 | median µs |\n|---|---|")
        for name, median in single_calls(options.calls).items():
            print(f"| {name} | {median:.1f} |")
        print(
            "\n| picture | between the processes | latency p50 / p99 µs | producer's call p50 µs"
            " | reader's CPU per frame µs | ÷ cuframes: latency p50, p99, call, CPU |\n|---|---|---|---|---|---|"
        )
        for picture, (shape, format) in PICTURES.items():
            base = None
            for system in SYSTEMS:
                *costs, came = compare(system(shape, format), shape, options.frames, options.rate, directory)
                if came != options.frames:
                    raise SystemExit(f"{system.name}: {came} of {options.frames} frames came")
                base = base or costs
                ratios = ", ".join(f"{cost / one:.1f}" for cost, one in zip(costs, base)) if costs is not base else "-"
                p50, p99, call, cpu = costs
                print(
                    f"| {picture} | {system.name} | {p50:,.0f} / {p99:,.0f} | {call:,.0f} | {cpu:,.0f} | {ratios} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
