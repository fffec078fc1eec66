# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishes frames that torch or cupy fills on the GPU, in place: every pixel of frame n is n modulo 32749,
on a stream of the producer's own."""

import threading
import time

import agent
import cuframes
import gpu_pixels


class Publisher:
    def __init__(self, key, width=640, height=480, library="torch", cuda_device=0, **options):
        self.fill = gpu_pixels.filler(library, cuda_device)
        self.publisher = cuframes.publish(
            key,
            format="GRAY16_LE",
            width=width,
            height=height,
            memory="cuda",
            cuda_device=cuda_device,
            **options,
        )
        self.number = 0
        self.stopping = threading.Event()
        self.thread = None
        self.started = time.monotonic()

    def _publish_one(self):
        try:
            slot = self.publisher.acquire()
        except cuframes.NoFreeSlot:
            return
        self.number += 1
        with slot:
            self.fill(slot.planes[0], gpu_pixels.value_of(self.number))
            slot.pts = self.number

    def publish(self, count=1):
        for _ in range(count):
            self._publish_one()
        return {"number": self.number}

    def run(self):
        def loop():
            while not self.stopping.is_set():
                self._publish_one()

        self.started = time.monotonic()
        self.thread = threading.Thread(target=loop)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.thread = None
        rate = self.number / (time.monotonic() - self.started)
        return {
            "published": self.number,
            "rate": round(rate, 1),
            "slots_taken": self.publisher.stats()["published"],
        }

    def wait_subscribers(self, count=1):
        self.publisher.wait_subscribers(count, timeout_ms=60000)


role = Publisher(**agent.options())
try:
    agent.serve(role)
finally:
    if role.thread:
        role.stop()
    role.publisher.close()
