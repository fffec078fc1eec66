# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures of frames on a GPU: right, and how long they take.

    python3 tests/bench/pictures_on_gpu.py [--library torch|cupy] [--seconds S] [--host]

Compares `to_rgb()` and `to_tensor()` on the GPU with what the host makes of the same frames, for formats, sizes, matrices
and arguments, with the kernel and without it (the library's own operations); reads frames behind slow work on a side stream
and lets go of them before that has run; and feeds a CUDA graph. Then it prints microseconds for a frame of 1080p, of the
caller and in all, beside what one writes by hand in torch, and beside cudaconvert where GStreamer's nvcodec is to be had
($GST_CUDA_NVRTC_LIBNAME names an NVRTC before CUDA 13's for it: GStreamer 1.26 compiles for what that no longer knows).
Ends with 1 if anything was wrong.

    --library  whose arrays to_rgb() makes; with cupy torch is not imported, and to_tensor() left out
    --host     frames in host memory: tries the program itself, where there is no GPU

Needs a GPU, and torch or cupy.
"""

import argparse
import os
import sys
import tempfile
import time

import cuframes
import numpy
from cuframes import _cuda_kernel
from cuframes._pixel_layouts import LAYOUTS

FORMATS = ["NV12", "NV21", "P010_10LE", "I420", "I420_10LE", "Y42B", "Y444", "YUY2", "RGB", "BGRx", "ARGB", "GBR_10LE"]
FORMATS += ["AYUV", "RGB10A2_LE", "GRAY8", "GRAY16_LE", "NV16", "Y41B"]
SIZES = [(1920, 1080), (321, 241), (13, 7), (1, 1)]
WRONG = []


def check(what, difference, allowed):
    if not difference <= allowed:
        WRONG.append(what)
        print(f"WRONG {what}: {difference} and not {allowed} at most", flush=True)


class Bench:
    """A ring in this process, and frames of noise."""

    def __init__(self, host, library):
        self.memory, self.device = ("host", "cpu") if host else ("cuda", "cuda")
        self.library = library
        self.torch = self.cupy = None
        if library == "torch":
            import torch

            self.torch = torch
        else:
            import cupy

            self.cupy = cupy
        self.keys = 0

    def to_plane(self, plane, values):
        if self.memory == "host":
            numpy.asarray(plane)[...] = values
        elif self.torch:
            signed = {"uint16": numpy.int16, "uint32": numpy.int32}.get(str(values.dtype))
            of = self.torch.from_numpy(values.view(signed) if signed else values).to("cuda")
            self.torch.from_dlpack(plane).view(of.dtype).copy_(of)
        else:
            self.cupy.from_dlpack(plane)[...] = self.cupy.asarray(values)

    def frame(self, format, width, height, extra=""):
        """A copy, where the frame was, so that rings come and go."""
        self.keys += 1
        caps = f"video/x-raw, format={format}, width={width}, height={height}, framerate=0/1{extra}"
        random = numpy.random.default_rng(self.keys)
        with (
            cuframes.publish(
                f"k{self.keys}", format=format, width=width, height=height, memory=self.memory, caps=caps
            ) as publisher,
            cuframes.subscribe(f"k{self.keys}") as subscriber,
        ):
            with publisher.acquire() as slot:
                layout = LAYOUTS[format]
                for plane in slot.planes:
                    bits = 8 * plane.itemsize
                    if layout.item == 2:
                        bits = layout.components[0].shift + layout.components[0].depth
                    values = random.integers(0, 1 << bits, plane.shape, dtype=numpy.uint64)
                    self.to_plane(plane, values.astype(f"u{plane.itemsize}"))
            return subscriber.next_frame(timeout_ms=60000).copy()

    def host_of(self, array):
        return array.cpu().numpy() if self.torch and not isinstance(array, numpy.ndarray) else _get(array)

    def without_kernel(self):
        return _WithoutKernel()

    def synchronize(self):
        if self.memory == "host":
            return
        if self.torch:
            self.torch.cuda.synchronize()
        else:
            self.cupy.cuda.Device().synchronize()

    def per_call(self, call, seconds):
        """Microseconds of the caller, and of the whole, for each of many calls in a row."""
        for _ in range(3):
            call()
        self.synchronize()
        begin, caller, calls = time.perf_counter(), 0.0, 0
        while time.perf_counter() - begin < seconds:
            for _ in range(50 if self.memory == "cuda" else 1):
                before = time.perf_counter()
                call()
                caller += time.perf_counter() - before
                calls += 1
            self.synchronize()
        return (1e6 * caller / calls, 1e6 * (time.perf_counter() - begin) / calls)


def _get(array):
    return array.get() if hasattr(array, "get") else array


class _WithoutKernel:
    """As where NVRTC is missing."""

    def __enter__(self):
        self.kept = dict(_cuda_kernel._kernels)
        _cuda_kernel._kernels.update(dict.fromkeys(range(16), False))

    def __exit__(self, *error):
        _cuda_kernel._kernels.clear()
        _cuda_kernel._kernels.update(self.kept)


def compare_rgb(bench):
    """to_rgb() beside the host's picture: a level, where rounding goes the other way."""
    compared = 0
    for format in FORMATS:
        for width, height in SIZES:
            for extra in ("", ", colorimetry=bt2020, chroma-site=jpeg", ", colorimetry=1:3:0:0, chroma-site=cosited"):
                frame = bench.frame(format, width, height, extra)
                expected = frame.to_ndarray("rgb24").astype(int)
                for name in ("kernel", "operations"):
                    if name == "kernel":
                        found = frame.to_rgb()
                    else:
                        with bench.without_kernel():
                            found = frame.to_rgb()
                    found = bench.host_of(found).astype(int)
                    what = f"to_rgb() by {name} of {format} {width}x{height}{extra}"
                    check(what, numpy.abs(found - expected).max(), 1)
                    if expected.size > 100:
                        check(what + ", share of other levels", (found != expected).mean(), 0.3)
                    compared += 1
    return compared


def compare_tensors(bench):
    """to_tensor() with every argument, beside the same on the host."""
    torch, compared = bench.torch, 0
    normalize = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    cases = [
        ({}, 1e-5),
        ({"size": 640, "letterbox": True, "normalize": normalize}, 1e-4),
        ({"size": (100, 300), "layout": "HWC", "dtype": torch.float16}, 2e-3),
        ({"size": (1200, 2000), "letterbox": 0.5, "dtype": torch.uint8}, 1),
        ({"size": 224, "dtype": torch.bfloat16}, 1e-2),
    ]
    for format in ("NV12", "P010_10LE", "I420", "BGRx", "GRAY8"):
        for width, height in SIZES:
            frame = bench.frame(format, width, height)
            for arguments, allowed in cases:
                expected = frame.to_tensor(device="cpu", **arguments).double()
                found = frame.to_tensor(**arguments)
                with bench.without_kernel():
                    by_operations = frame.to_tensor(**arguments)
                batch = torch.full((2, *found.shape), 9, dtype=found.dtype, device=bench.device)
                into = frame.to_tensor(out=batch[1], **{k: v for k, v in arguments.items() if k != "dtype"})
                for name, one in (("kernel", found), ("operations", by_operations), ("out=", into)):
                    what = f"to_tensor() by {name} of {format} {width}x{height}, {arguments}"
                    check(what, (one.cpu().double() - expected).abs().max().item(), allowed)
                    compared += 1
                check("out= wrote beside", (batch[0] != 9).sum().item(), 0)
    return compared


def read_behind_slow_work(bench, frames=300):
    """Each frame has its number in every pixel. It is converted on a side stream, behind work of milliseconds, and closed
    before that has run, while the publisher goes on to write its slots."""
    torch = bench.torch
    stream = torch.cuda.Stream()
    sums = torch.zeros(frames, dtype=torch.int64, device="cuda")
    with (
        cuframes.publish("slow", format="NV12", width=640, height=480, memory="cuda", slots=6) as publisher,
        cuframes.subscribe("slow", max_held=2, mode=cuframes.SubscriberMode.STRICT_ORDER) as subscriber,
    ):
        done = dropped = number = 0
        while done < frames:
            number += 1
            try:
                with publisher.acquire() as slot:
                    torch.from_dlpack(slot.planes[0]).fill_(16 + number % 200)
                    torch.from_dlpack(slot.planes[1]).fill_(128)
                    slot.pts = number
            except cuframes.NoFreeSlot:
                dropped += 1
                continue
            try:
                frame = subscriber.next_frame(timeout_ms=0)
            except (cuframes.FrameTimeout, cuframes.LeasesExhausted):
                continue
            with torch.cuda.stream(stream):
                torch.cuda._sleep(2_000_000)
                picture = frame.to_tensor(dtype=torch.uint8)
                grey = int((frame.pts % 200) * 255 / 219 + 0.5)
                sums[done] = ((picture.int() - grey).abs() > 1).sum()
            frame.close()
            done += 1
        torch.cuda.synchronize()
    wrong = int((sums != 0).sum().item())
    check("frames that were converted behind slow work", wrong, 0)
    return done


def feed_a_graph(bench, replays=200):
    """A graph is captured once; before each replay a frame is written into its input."""
    torch = bench.torch
    frames = [bench.frame("NV12", 1280, 720) for _ in range(4)]
    inside = torch.zeros(1, 3, 640, 640, device="cuda")
    weights = torch.rand(8, 3, 3, 3, device="cuda")
    frames[0].to_tensor(640, letterbox=True, out=inside[0])
    for _ in range(3):
        torch.nn.functional.conv2d(inside, weights)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outside = torch.nn.functional.conv2d(inside, weights)
    wrong = 0
    for replay in range(replays):
        frame = frames[replay % 4]
        frame.to_tensor(640, letterbox=True, out=inside[0])
        graph.replay()
        expected = torch.nn.functional.conv2d(frame.to_tensor(640, letterbox=True)[None], weights)
        wrong += not torch.equal(outside, expected)
    check("replays of a graph", wrong, 0)
    return replays


def by_hand(torch, frame):
    """What one writes for NV12: chroma repeated, a matrix, a clamp."""
    luma, chroma = (torch.from_dlpack(plane) for plane in frame.planes)
    y = (luma.float() - 16) * (255 / 219)
    uv = (chroma.float() - 128).permute(2, 0, 1)[None]
    u, v = torch.nn.functional.interpolate(uv, scale_factor=2, mode="nearest")[0] * (255 / 224)
    rgb = torch.stack([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u])
    return rgb.clamp_(0, 255).div_(255)


def measure(bench, seconds):
    """Rows of (what, µs of the caller, µs in all)."""
    frame = bench.frame("NV12", 1920, 1080)
    rows = [("to_rgb(), NV12", *bench.per_call(frame.to_rgb, seconds))]
    ten = bench.frame("P010_10LE", 1920, 1080)
    rows.append(("to_rgb(), P010_10LE", *bench.per_call(ten.to_rgb, seconds)))
    with bench.without_kernel():
        rows.append((f"to_rgb(), NV12, by {bench.library}'s operations", *bench.per_call(frame.to_rgb, seconds)))
    if bench.torch is None:
        return rows
    torch = bench.torch

    def boxed(frame):
        whole = by_hand(torch, frame)
        inner = torch.nn.functional.interpolate(whole[None], size=(360, 640), mode="bilinear")[0]
        out = torch.full((3, 640, 640), 114 / 255, device=inner.device)
        out[:, 140:500] = inner
        return out

    into = torch.empty(3, 640, 640, device=bench.device)
    half = torch.float16
    for what, call in (
        ("to_tensor(), NV12, float32", frame.to_tensor),
        ("to_tensor(), NV12, float16", lambda: frame.to_tensor(dtype=half)),
        ("by hand in torch, NV12, float32", lambda: by_hand(torch, frame)),
        ("to_tensor(640, letterbox=True)", lambda: frame.to_tensor(640, letterbox=True)),
        ("to_tensor(640, letterbox=True, out=…)", lambda: frame.to_tensor(640, letterbox=True, out=into)),
        ("by hand in torch, 640 in a letterbox", lambda: boxed(frame)),
    ):
        rows.append((what, *bench.per_call(call, seconds)))
    return rows


def measure_cudaconvert(buffers=2000):
    """µs for each buffer of 1080p through cudaconvert alone: the same buffer of GPU memory again and again."""
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst

    Gst.init(None)
    if Gst.ElementFactory.find("cudaconvert") is None:
        raise ImportError("no element cudaconvert")
    made = Gst.parse_launch(
        "videotestsrc num-buffers=1 pattern=snow ! video/x-raw,format=NV12,width=1920,height=1080 ! cudaupload "
        "! video/x-raw(memory:CUDAMemory) ! appsink name=sink"
    )
    made.set_state(Gst.State.PLAYING)
    sample = made.get_by_name("sink").emit("try-pull-sample", 20 * Gst.SECOND)
    if sample is None:
        raise ImportError("cudaupload gives nothing")
    times = {}
    for name, elements in (("none", "identity"), ("RGBA", "cudaconvert ! video/x-raw(memory:CUDAMemory),format=RGBA")):
        pipeline = Gst.parse_launch(f"appsrc name=source format=time ! {elements} ! fakesink sync=false")
        source = pipeline.get_by_name("source")
        source.set_property("caps", sample.get_caps())
        source.set_property("block", True)
        pipeline.set_state(Gst.State.PLAYING)
        begin = time.perf_counter()
        for _ in range(buffers):
            source.emit("push-buffer", sample.get_buffer())
        source.emit("end-of-stream")
        pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        times[name] = 1e6 * (time.perf_counter() - begin) / buffers
        pipeline.set_state(Gst.State.NULL)
    made.set_state(Gst.State.NULL)
    return times["RGBA"], times["RGBA"] - times["none"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=("torch", "cupy"), default="torch")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--host", action="store_true", help="without a GPU")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CUFRAMES_DIR"] = directory
        bench = Bench(options.host, options.library)
        print(f"{compare_rgb(bench)} pictures of to_rgb() compared", flush=True)
        if not options.host:
            loaded = bool(_cuda_kernel._kernels.get(0))
            check("the kernel is not there", not loaded, False)
        if bench.torch is not None:
            print(f"{compare_tensors(bench)} tensors compared", flush=True)
            if not options.host:
                print(f"{read_behind_slow_work(bench)} frames converted behind slow work", flush=True)
                print(f"{feed_a_graph(bench)} replays of a graph", flush=True)
        print(f"\n{'a frame of 1080p':50} {'caller, µs':>12} {'in all, µs':>12}")
        for what, caller, whole in measure(bench, options.seconds):
            print(f"{what:50} {caller:12.1f} {whole:12.1f}", flush=True)
    if not options.host:
        try:
            whole, own = measure_cudaconvert()
            print(f"{'cudaconvert to RGBA (less the pipeline itself)':50} {'':12} {whole:12.1f} ({own:.1f})")
        except (ImportError, ValueError) as missing:
            print(f"cudaconvert: {missing}")
    print(f"\n{len(WRONG)} wrong")
    return 1 if WRONG else 0


if __name__ == "__main__":
    sys.exit(main())
