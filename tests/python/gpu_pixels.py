# SPDX-License-Identifier: LGPL-2.1-or-later
"""What GPU frames of these tests hold, and how torch and cupy write and check it, each on a stream of its own
that waits for no other."""


def value_of(number):
    """Of every 16-bit pixel of frame `number`: prime, so that it repeats with no ring."""
    return number % 32749


def filler(library, device=0):
    """A function (plane, value) that fills a plane on the GPU and returns before that is done."""
    return {"torch": _torch_filler, "cupy": _cupy_filler}[library](device)


def _torch_filler(device):
    import torch

    stream = torch.cuda.Stream(device)

    def fill(plane, value):
        with torch.cuda.stream(stream):
            torch.from_dlpack(plane).view(torch.int16).fill_(value)

    return fill


def _cupy_filler(device):
    import cupy

    with cupy.cuda.Device(device):
        stream = cupy.cuda.Stream(non_blocking=True)

    def fill(plane, value):
        with cupy.cuda.Device(device), stream:
            cupy.from_dlpack(plane).fill(value)

    return fill


def first_pixel(plane):
    """The value of a frame's first pixel, by torch, now."""
    import torch

    return torch.from_dlpack(plane).view(torch.int16)[0, 0].item()


class TorchReader:
    """Counts wrong pixels of frames, late: a kernel that spins goes before the one that reads."""

    def __init__(self, frames, spin_cycles, device=0):
        import torch

        self.torch = torch
        self.spin_cycles = spin_cycles
        self.stream = torch.cuda.Stream(device)
        self.wrong = torch.zeros(frames, dtype=torch.int64, device=f"cuda:{device}")
        torch.cuda.synchronize()

    def look(self, plane, value, index):
        """Queues the work, and keeps nothing of the plane."""
        torch = self.torch
        with torch.cuda.stream(self.stream):
            pixels = torch.from_dlpack(plane)
            torch.cuda._sleep(self.spin_cycles)
            self.wrong[index] = (pixels.view(torch.int16) != value).sum()

    def result(self):
        self.stream.synchronize()
        return self.wrong.cpu().tolist()


class CupyReader:
    """The same with a kernel of our own that spins and then counts."""

    SOURCE = r"""
    extern "C" __global__ void late(const unsigned short* pixels, long long pitch, int width, int height,
                                    int value, long long cycles, unsigned long long* wrong) {
        const long long start = clock64();
        while (clock64() - start < cycles) {}
        const int x = blockIdx.x * blockDim.x + threadIdx.x;
        if (x >= width) return;
        unsigned long long found = 0;
        for (int y = 0; y < height; ++y)
            found += pixels[y * pitch + x] != value;
        if (found) atomicAdd(wrong, found);
    }
    """

    def __init__(self, frames, spin_cycles, device=0):
        import cupy

        self.cupy = cupy
        self.spin_cycles = spin_cycles
        self.kernel = cupy.RawKernel(self.SOURCE, "late")
        self.wrong = cupy.zeros(frames, dtype=cupy.uint64)
        self.stream = cupy.cuda.Stream(non_blocking=True)
        cupy.cuda.runtime.deviceSynchronize()

    def look(self, plane, value, index):
        cupy = self.cupy
        with self.stream:
            pixels = cupy.from_dlpack(plane)
            height, width = pixels.shape
            arguments = (
                pixels,
                cupy.int64(pixels.strides[0] // 2),
                cupy.int32(width),
                cupy.int32(height),
                cupy.int32(value),
                cupy.int64(self.spin_cycles),
                self.wrong[index : index + 1],
            )
            self.kernel(((width + 127) // 128,), (128,), arguments)

    def result(self):
        self.stream.synchronize()
        return self.wrong.get().tolist()


READERS = {"torch": TorchReader, "cupy": CupyReader}
