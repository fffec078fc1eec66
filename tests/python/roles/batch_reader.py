# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads batches of the cameras of pattern_cameras into a network's input, and compares each there with what the host makes
of the same frames. On a GPU by a CUDA graph, which is captured again and again beside a thread that reads frames of its own;
and each batch is let go before the work that reads it has begun."""

import statistics
import threading
import time

import agent
import batch_patterns
import cuframes
import torch

SIZE = 224


class Reader:
    def __init__(self, keys, device, max_held=8):
        self.keys, self.device = keys, torch.device(device)
        self.on_gpu = self.device.type == "cuda"
        table = batch_patterns.expected(len(keys), SIZE)
        self.table = table.to(self.device)
        shape = (len(keys), 3, SIZE, SIZE)
        self.pictures, self.expected = (torch.zeros(shape, device=self.device) for _ in range(2))
        self.wrong = torch.zeros(len(keys), dtype=torch.int64, device=self.device)
        torch.manual_seed(1)
        self.model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=4), torch.nn.ReLU(), torch.nn.Flatten(2))
        self.model = self.model.to(self.device).eval()
        self.group = cuframes.group(keys, within=0.004, wait=0.5, connect_timeout=60, max_held=max_held)
        self.captures = self.broken = self.different = 0

    def step(self):
        """What the graph does: counts the wrong values of each camera, and runs the network."""
        differs = (self.pictures - self.expected).abs() > batch_patterns.TOLERANCE
        self.wrong.add_(differs.sum(dim=(1, 2, 3)))
        return self.model(self.pictures)

    def read(self, batches, sleep_cycles=0, capture_every=50, beside=True):
        """Figures of so many whole batches."""
        with torch.inference_mode(), Beside(self.keys[0], beside and self.on_gpu) as other:
            found = self._read(batches, sleep_cycles, capture_every)
        return {**found, "frames_beside": other.frames}

    def _read(self, batches, sleep_cycles, capture_every):
        run, calls, read, started = self.step, [], 0, time.monotonic()
        self._fill(0)
        self.step()
        self.wrong.zero_()
        while read < batches:
            if self.on_gpu and read % capture_every == 0:
                run = self._captured() or run
            call = self._fill(sleep_cycles)
            if call is None:
                continue
            scores = run()
            if read % 20 == 0:
                self._compare(scores)
            calls.append(call)
            read += 1
        wrong = self.wrong.tolist()
        stats = self.group.stats()
        return {
            "batches": read,
            "wrong_values": wrong,
            "captures": self.captures,
            "broken_captures": self.broken,
            "wrong_replays": self.different,
            "call_us": round(statistics.median(calls) * 1e6, 1),
            "batches_a_second": round(read / (time.monotonic() - started), 1),
            "incomplete": stats["sets"] - stats["complete"],
            "skipped": [camera["skipped"] for camera in stats["cameras"].values()],
        }

    def _fill(self, sleep_cycles):
        """Seconds that the calls took; None: the batch lacked a camera."""
        batch = self.group.next(timeout=60)
        if not batch.complete:
            batch.close()
            return None
        if sleep_cycles:
            torch.cuda._sleep(sleep_cycles)
        began = time.perf_counter()
        batch.to_tensor(letterbox=True, out=self.pictures)
        batch.close()
        took = time.perf_counter() - began
        for camera, frame in enumerate(batch):
            self.expected[camera].copy_(self.table[camera, frame.flags])
        return took

    def _captured(self):
        """A new graph; None: the capture broke."""
        self.captures += 1
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                scores = self.step()
                time.sleep(0.02)  # Several frames are read and let go meanwhile.
        except RuntimeError:
            self.broken += 1
            return None

        def replay():
            graph.replay()
            return scores

        return replay

    def _compare(self, scores):
        """The graph has computed what the network does without."""
        alone = self.model(self.pictures.clone())
        self.different += not torch.allclose(scores, alone, rtol=1e-2, atol=1e-2)

    def measure(self, batches):
        """Microseconds of the GPU for a batch: converting it, and that with the graph."""
        run, converting, whole = self.step, [], []
        with torch.inference_mode():
            self._fill(0)
            run = self._captured() or run
            while len(whole) < batches:
                marks = [torch.cuda.Event(enable_timing=True) for _ in range(3)]
                batch = self.group.next(timeout=60)
                with batch:
                    marks[0].record()
                    batch.to_tensor(letterbox=True, out=self.pictures)
                    marks[1].record()
                run()
                marks[2].record()
                marks[2].synchronize()
                converting.append(marks[0].elapsed_time(marks[1]) * 1000)
                whole.append(marks[0].elapsed_time(marks[2]) * 1000)
        return {
            "converting_us": round(statistics.median(converting), 1),
            "with_graph_us": round(statistics.median(whole), 1),
        }

    def close(self):
        self.group.close()


class Beside(threading.Thread):
    """Another reader of this process while graphs are captured. It allocates nothing on the way: that would break captures,
    with or without cuframes."""

    def __init__(self, key, wanted):
        super().__init__()
        self.key, self.wanted = key, wanted
        self.stopping = threading.Event()
        self.frames = 0

    def run(self):
        with torch.inference_mode(), torch.cuda.stream(torch.cuda.Stream()):
            total = torch.zeros((), dtype=torch.int64, device="cuda")
            with cuframes.subscribe(self.key, max_held=2, connect_timeout=60) as subscriber:
                while not self.stopping.is_set():
                    try:
                        with subscriber.next_frame(timeout=1) as frame:
                            total.add_(torch.from_dlpack(frame.planes[0])[0, 0])
                            self.frames += 1
                    except cuframes.FrameTimeout:
                        pass

    def __enter__(self):
        if self.wanted:
            self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        if self.wanted:
            self.join()


role = Reader(**agent.options())
try:
    agent.serve(role)
finally:
    role.close()
