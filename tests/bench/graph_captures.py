# SPDX-License-Identifier: LGPL-2.1-or-later
"""CUDA graphs captured beside a reader: none may break, and no frame may be torn.

    python3 tests/bench/graph_captures.py

One process captures graphs with `torch.cuda.graph`, and with `torch.compile(mode="reduce-overhead")`, while another of its
threads reads frames: each is compared on the GPU behind slow work, and let go before that work has run. A second process
reads the same frames on a stream of a context of its own (`cuCtxCreate`), which it names. Both count what is wrong. Ends
with 1 if a capture broke, a graph computed something else than eager mode, a pixel was wrong, or a thread stood still.

    --release  streams (the default) or context: what a release waits for; with context the captures break, which shows
               that this can fail. That torn frames are seen is shown by gpu/test_gpu_central_promise.py of the package's
               tests, on releases that do not wait.

Needs a GPU and torch.
"""

import argparse
import ctypes
import os
import sys
import tempfile
import threading
import time
import traceback

import cuframes
import torch
import torch.multiprocessing

WIDTH, HEIGHT = 1280, 720
LUMA = WIDTH * HEIGHT
#: Bytes that are filled before a frame is looked at, and how often: a millisecond or two on a large GPU, in which the
#: publisher comes round to the frame's slot again.
BACKLOG, ROUNDS = 1 << 30, 4
#: As few slots as two readers of so many frames allow, for the same reason.
HELD = 2
SLOTS = 2 * HELD + 2


def number_of(frame):
    """What every byte of the luma has to be."""
    return frame.pts % 251


def publish(directory, stop):
    """As fast as it can."""
    os.environ["CUFRAMES_DIR"] = directory
    with cuframes.publish(
        "captures", format="NV12", width=WIDTH, height=HEIGHT, memory="cuda", slots=SLOTS
    ) as publisher:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                with publisher.acquire() as slot:
                    torch.from_dlpack(slot.planes[0]).fill_(number % 251)
                    slot.pts = number
            except cuframes.NoFreeSlot:
                publisher.drop()


# --------------------------------------------------------------------------------------------- beside the captures


class Reader(threading.Thread):
    """Reads frames on a stream of its own, and compares them there. Allocates nothing on the way, as that is torch's own
    way to break captures of other threads."""

    def __init__(self, rate):
        super().__init__(daemon=True)
        self.rate = rate
        self.frames = 0
        self.exhausted = 0
        self.longest = 0.0
        self.failure = None
        self.stop = threading.Event()
        self.warm = threading.Event()

    def run(self):
        try:
            self.read()
        except BaseException:
            self.failure = traceback.format_exc()
        self.warm.set()

    def read(self):
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream), cuframes.Subscriber("captures", max_held=HELD) as subscriber:
            scratch = torch.empty(BACKLOG, dtype=torch.uint8, device="cuda")
            differs = torch.zeros((HEIGHT, WIDTH), dtype=torch.bool, device="cuda")
            self.wrong = torch.zeros((HEIGHT, WIDTH), dtype=torch.bool, device="cuda")
            start = last = time.monotonic()
            while not self.stop.is_set():
                try:
                    frame = subscriber.next_frame(timeout_ms=2000)
                except cuframes.LeasesExhausted:
                    self.exhausted += 1  # The GPU is not through with the work of what is held.
                    time.sleep(0.001)
                    continue
                pixels = torch.from_dlpack(frame.planes[0])
                for _ in range(ROUNDS):
                    scratch.fill_(self.frames % 251)
                torch.ne(pixels, number_of(frame), out=differs)
                self.wrong.logical_or_(differs)
                del pixels
                frame.release()
                self.frames += 1
                now = time.monotonic()
                if self.frames > 50:
                    self.longest = max(self.longest, now - last)
                    self.warm.set()
                last = now
                time.sleep(max(0.0, start + self.frames / self.rate - now))
        self.stream = stream

    def wrong_pixels(self):
        self.stream.synchronize()
        return int(self.wrong.sum())


def step(x, weight):
    return torch.relu(x @ weight).sum(dim=1) + x.mean(dim=1)


def capture_by_hand(count):
    """Captures, replays, and compares with eager mode. Returns how many broke or computed something else."""
    weight = torch.randn(256, 256, device="cuda")
    x = torch.randn(64, 256, device="cuda")
    warmed = torch.cuda.Stream()
    with torch.cuda.stream(warmed):
        step(x, weight)  # cuBLAS makes its handle here
    torch.cuda.synchronize()
    broken = wrong = 0
    for round_ in range(count):
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                result = x
                for _ in range(20):
                    result = step(x, weight)
                time.sleep(0.02)  # several frames are read and let go meanwhile
            x.copy_(torch.randn(64, 256, device="cuda"))
            graph.replay()
            torch.cuda.synchronize()
            wrong += not torch.allclose(result, step(x, weight), rtol=1e-3, atol=1e-3)
        except RuntimeError as error:
            broken += 1
            if broken == 1:
                print(f"capture {round_}: {str(error).splitlines()[0]}", file=sys.stderr)
    return broken, wrong


def capture_compiled(count):
    """The same by torch.compile: a new shape is compiled, and captured when it is called again."""
    from torch._dynamo.utils import counters

    for limit in ("recompile_limit", "cache_size_limit", "accumulated_recompile_limit", "accumulated_cache_size_limit"):
        if hasattr(torch._dynamo.config, limit):
            setattr(torch._dynamo.config, limit, 10 * count + 100)
    weight = torch.randn(256, 256, device="cuda")
    compiled = torch.compile(step, mode="reduce-overhead", dynamic=False)
    broken = wrong = 0
    for round_ in range(count):
        try:
            x = torch.randn(8 + round_, 256, device="cuda")
            for _ in range(4):
                torch.compiler.cudagraph_mark_step_begin()
                result = compiled(x, weight).clone()
            torch.cuda.synchronize()
            wrong += not torch.allclose(result, step(x, weight), rtol=1e-3, atol=1e-3)
        except Exception as error:
            broken += 1
            if broken == 1:
                print(f"compiled capture {round_}: {str(error).splitlines()[0]}", file=sys.stderr)
    return broken + counters["inductor"]["cudagraph_skips"], wrong


def capture(directory, options, results):
    os.environ["CUFRAMES_DIR"] = directory
    torch.zeros(1, device="cuda")
    reader = Reader(options.rate)
    reader.start()
    reader.warm.wait(60)
    begun, before = time.monotonic(), reader.frames
    table = {"torch.cuda.graph": (options.captures, *capture_by_hand(options.captures))}
    if options.compiled:
        table['torch.compile(mode="reduce-overhead")'] = (options.compiled, *capture_compiled(options.compiled))
    rate = (reader.frames - before) / (time.monotonic() - begun)
    reader.stop.set()
    reader.join(30)
    failure = reader.failure or ("it did not end" if reader.is_alive() else None)
    pixels = 0 if failure else reader.wrong_pixels()
    results.put((table, reader.frames, rate, reader.exhausted, reader.longest, pixels, failure))


# ------------------------------------------------------------------------------------------ a context of its own


class Copy2D(ctypes.Structure):
    """CUDA_MEMCPY2D"""

    _fields_ = [
        (side + name, kind)
        for side in ("src", "dst")
        for name, kind in (
            ("XInBytes", ctypes.c_size_t),
            ("Y", ctypes.c_size_t),
            ("MemoryType", ctypes.c_int),
            ("Host", ctypes.c_void_p),
            ("Device", ctypes.c_uint64),
            ("Array", ctypes.c_void_p),
            ("Pitch", ctypes.c_size_t),
        )
    ] + [("WidthInBytes", ctypes.c_size_t), ("Height", ctypes.c_size_t)]


DEVICE, HOST = 2, 1


class OwnContext:
    """A context of cuCtxCreate, with a stream that waits for no other, and no torch."""

    def __init__(self):
        self.driver = ctypes.CDLL("libcuda.so.1")
        self.context, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        self("cuInit", 0)
        self("cuCtxCreate_v2", ctypes.byref(self.context), 0, 0)
        self("cuStreamCreate", ctypes.byref(self.stream), 1)
        self.scratch = self.allocate(BACKLOG)

    def __call__(self, name, *arguments):
        result = getattr(self.driver, name)(*arguments)
        if result != 0:
            raise RuntimeError(f"{name} returned {result}")

    def allocate(self, size):
        address = ctypes.c_uint64()
        self("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address

    def copy_late(self, target, plane):
        """Slow work, and then the copy."""
        for _ in range(ROUNDS):
            self("cuMemsetD8Async", self.scratch, 7, ctypes.c_size_t(BACKLOG), self.stream)
        copy = Copy2D(srcMemoryType=DEVICE, srcDevice=plane.data_ptr, srcPitch=plane.pitch)
        copy.dstMemoryType, copy.dstDevice, copy.dstPitch = DEVICE, target.value, WIDTH
        copy.WidthInBytes, copy.Height = WIDTH, HEIGHT
        self("cuMemcpy2DAsync_v2", ctypes.byref(copy), self.stream)

    def fetch(self, address):
        pixels = bytearray(LUMA)
        self("cuMemcpyDtoH_v2", (ctypes.c_char * LUMA).from_buffer(pixels), address, ctypes.c_size_t(LUMA))
        return pixels


def read_in_own_context(directory, rate, stop, results):
    os.environ["CUFRAMES_DIR"] = directory
    own = OwnContext()
    targets = [own.allocate(LUMA) for _ in range(HELD)]
    frames = torn = 0
    with cuframes.Subscriber("captures", max_held=HELD) as subscriber:
        start = time.monotonic()
        while not stop.is_set():
            expected = []
            for target in targets:
                frame = subscriber.next_frame(timeout_ms=5000)
                own.copy_late(target, frame.planes[0])
                frame.record_stream(own.stream.value)
                expected.append(number_of(frame))
                frame.release()
                frames += 1
                time.sleep(max(0.0, start + frames / rate - time.monotonic()))
            own("cuStreamSynchronize", own.stream)
            for target, value in zip(targets, expected):
                torn += own.fetch(target) != bytes([value]) * LUMA
    results.put((frames, torn))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=int, default=100, help="by torch.cuda.graph")
    parser.add_argument("--compiled", type=int, default=20, help="by torch.compile, which takes seconds for each")
    parser.add_argument("--rate", type=float, default=200, help="frames per second that each reader takes")
    parser.add_argument("--release", default=None, choices=("streams", "context"))
    options = parser.parse_args()
    if options.release:
        os.environ["CUFRAMES_RELEASE"] = options.release
    context = torch.multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="graph-captures-") as directory:
        stop, read_enough, captured, read = context.Event(), context.Event(), context.Queue(), context.Queue()
        processes = [
            context.Process(target=publish, args=(directory, stop)),
            context.Process(target=read_in_own_context, args=(directory, options.rate, read_enough, read)),
            context.Process(target=capture, args=(directory, options, captured)),
        ]
        for process in processes:
            process.start()
        try:
            table, frames, rate, exhausted, longest, pixels, failure = captured.get(timeout=900)
            processes[1].join(0)
            alive = processes[1].is_alive()
        finally:
            read_enough.set()
        other = read.get(timeout=60) if alive else None
        stop.set()
        for process in processes:
            process.join(30)
            if process.is_alive():
                process.kill()
    print("| captures by | captured | broken | computed wrongly |")
    print("|---|---|---|---|")
    for name, (count, broken, wrong) in table.items():
        print(f"| {name} | {count} | {broken} | {wrong} |")
    print()
    print("| reader | frames | wrong |")
    print("|---|---|---|")
    print(f"| beside the captures, {rate:.0f}/s, longest pause {1000 * longest:.0f} ms | {frames} | {pixels} pixels |")
    print(f"| in a context of its own | {other[0] if other else 'it died'} | {other[1] if other else '?'} frames |")
    if failure:
        print(f"\nthe reader beside the captures failed:\n{failure}", file=sys.stderr)
    bad = failure or pixels or not other or other[1] or any(row[1] or row[2] for row in table.values())
    return 1 if bad or frames < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
