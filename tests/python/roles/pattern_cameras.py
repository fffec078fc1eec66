# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several cameras that are triggered together, with the pictures of batch_patterns, until the end of input."""

import threading
import time

import agent
import batch_patterns
import cuframes
import pictures


class Cameras:
    def __init__(self, keys, memory, rate, slots=None, by_torch=False):
        self.rate = rate
        self.publishers = [
            cuframes.publish(
                key,
                format="NV12",
                width=batch_patterns.WIDTH,
                height=batch_patterns.HEIGHT,
                memory=memory,
                slots=slots,
                framerate=rate,
            )
            for key in keys
        ]
        self.fill = _by_torch(len(keys)) if by_torch else _by_host(len(keys))
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def run(self):
        self.thread.start()

    def _run(self):
        started, tick = time.monotonic_ns(), 0
        while not self.stopping.wait(max(0.0, (started - time.monotonic_ns()) / 1e9 + tick / self.rate)):
            captured = started + tick * 1_000_000_000 // self.rate
            for camera, publisher in enumerate(self.publishers):
                self._publish(publisher, camera, (tick + camera) % batch_patterns.PATTERNS, captured + camera * 1000)
            tick += 1

    def _publish(self, publisher, camera, pattern, pts):
        try:
            with publisher.acquire() as slot:
                self.fill(slot, camera, pattern)
                slot.pts, slot.flags = pts, pattern
        except cuframes.NoFreeSlot:
            publisher.drop()

    def close(self):
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()
        for publisher in self.publishers:
            publisher.close()


def _all_planes(cameras):
    return [
        [batch_patterns.planes_of(camera, pattern) for pattern in range(batch_patterns.PATTERNS)]
        for camera in range(cameras)
    ]


def _by_host(cameras):
    """Of memory that the CPU can write: the stand-in driver's too."""
    planes = _all_planes(cameras)

    def fill(slot, camera, pattern):
        for plane, values in zip(slot.planes, planes[camera][pattern]):
            pictures.pixels(plane)[...] = values

    return fill


def _by_torch(cameras):
    import torch

    planes = [[[torch.from_numpy(plane).cuda() for plane in one] for one in camera] for camera in _all_planes(cameras)]

    def fill(slot, camera, pattern):
        for plane, values in zip(slot.planes, planes[camera][pattern]):
            torch.from_dlpack(plane).copy_(values)

    return fill


role = Cameras(**agent.options())
try:
    agent.serve(role)
finally:
    role.close()
