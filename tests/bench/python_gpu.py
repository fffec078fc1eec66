# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a GPU frame costs in Python, beside torch.multiprocessing, which shares CUDA tensors through a Queue.

    python3 tests/bench/python_gpu.py

One producer and one reader, each a process of its own, 1080p NV12 as one tensor of 1620 rows. The producer writes the
frame's number on the GPU; the reader takes the tensor, reads the number on the GPU and fetches it. Latency is from before
the producer's call until the number is there; CPU is the reader's, all of it, per frame. Needs a GPU and torch.
"""

import argparse
import os
import statistics
import tempfile
import time

import cuframes
import torch
import torch.multiprocessing

SHAPE = (1620, 1920)


class Cuframes:
    """Written in place, in a slot; the reader's tensor is the slot."""

    name = "cuframes"

    def produce(self, frames, rate, ready):
        publisher = cuframes.publish("bench", format="NV12", width=1920, height=1080, memory="cuda", slots=8)
        ready.wait()
        publisher.wait_subscribers()
        for number in paced(frames, rate):
            with publisher.acquire() as slot:
                torch.from_dlpack(slot.planes[0])[0, :8] = stamp(number)
        publisher.eos()
        publisher.close()

    def tensors(self, ready):
        with cuframes.Subscriber("bench") as subscriber:
            ready.set()
            for frame in subscriber:
                yield torch.from_dlpack(frame.planes[0])


class TorchQueue:
    """A tensor made for each frame, whose memory the reader's process maps."""

    name = "torch.multiprocessing.Queue"

    def __init__(self, context):
        self.queue = context.Queue(8)
        self.done = context.Event()

    def produce(self, frames, rate, ready):
        ready.wait()
        for number in paced(frames, rate):
            tensor = torch.empty(SHAPE, dtype=torch.uint8, device="cuda")
            tensor[0, :8] = stamp(number)
            # Otherwise the reader may look before the number is written: the Queue orders nothing.
            torch.cuda.current_stream().synchronize()
            self.queue.put(tensor)
        self.queue.put(None)
        self.done.wait()

    def tensors(self, ready):
        ready.set()
        while (tensor := self.queue.get()) is not None:
            yield tensor
            del tensor
        self.done.set()


def stamp(number):
    """The time now, as eight bytes on the GPU."""
    del number
    return torch.tensor([time.monotonic_ns()], dtype=torch.int64).view(torch.uint8).cuda(non_blocking=True)


def paced(frames, rate):
    start = time.monotonic()
    for number in range(frames):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        yield number


def produce(system, directory, frames, rate, ready):
    os.environ["CUFRAMES_DIR"] = directory
    torch.zeros(1).cuda()
    system.produce(frames, rate, ready)


def read(system, directory, ready, results):
    os.environ["CUFRAMES_DIR"] = directory
    torch.zeros(1).cuda()
    latencies, begin, skipped = [], 0.0, 20
    for tensor in system.tensors(ready):
        sent = tensor[0, :8].cpu().view(torch.int64).item()
        del tensor
        latencies.append((time.monotonic_ns() - sent) / 1000)
        if len(latencies) == skipped:
            begin = time.process_time()
    cpu = 1e6 * (time.process_time() - begin) / (len(latencies) - skipped)
    results.put((latencies[skipped:], cpu))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rate", type=float, default=120)
    options = parser.parse_args()
    context = torch.multiprocessing.get_context("spawn")
    base = None
    print(
        "| between the processes | frames | latency p50 / p99 µs | reader's CPU per frame µs | ÷ cuframes: p50, p99, CPU |"
    )
    print("|---|---|---|---|---|")
    for system in (Cuframes(), TorchQueue(context)):
        with tempfile.TemporaryDirectory(prefix="python-gpu-") as directory:
            ready, results = context.Event(), context.Queue()
            reader = context.Process(target=read, args=(system, directory, ready, results))
            producer = context.Process(target=produce, args=(system, directory, options.frames, options.rate, ready))
            for process in (reader, producer):
                process.start()
            latencies, cpu = results.get(timeout=120)
            for process in (reader, producer):
                process.join()
        costs = (statistics.median(latencies), statistics.quantiles(latencies, n=100)[98], cpu)
        base = base or costs
        ratios = ", ".join(f"{cost / one:.1f}" for cost, one in zip(costs, base))
        print(
            f"| {system.name} | {len(latencies)} | {costs[0]:,.0f} / {costs[1]:,.0f} | {cpu:,.0f} | {ratios} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
