# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera: publishes pictures in steps, by a clock that drifts and trembles, until told to stop. The number in a picture is
its time of capture in microseconds."""

import random
import threading
import time

import agent
import cuframes
import pictures


class Camera:
    def __init__(self, rate=30, phase=0.0, drift=0.0, jitter=0.0, delay=0.0, **arguments):
        self.publisher = cuframes.publish(**arguments)
        self.step = (1 + drift) / rate
        self.phase, self.jitter, self.delay = phase, jitter, delay
        self.stopping = threading.Event()
        self.thread = None

    def run(self):
        self.stopping.clear()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        chance = random.Random(1)
        captured = time.monotonic() + self.phase
        while not self.stopping.wait(max(0.0, captured + self.delay - time.monotonic())):
            self._publish(round((captured + chance.uniform(-self.jitter, self.jitter)) * 1e9))
            captured += self.step

    def _publish(self, pts):
        try:
            with self.publisher.acquire() as slot:
                pictures.draw(slot, pts // 1000)
                slot.pts = pts
        except cuframes.NoFreeSlot:
            self.publisher.drop()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.thread = None
        return self.publisher.stats()

    def configure(self, **arguments):
        self.publisher.configure(**arguments)

    def eos(self):
        self.publisher.eos()


role = Camera(**agent.options())
try:
    agent.serve(role)
finally:
    if role.thread:
        role.stop()
    role.publisher.close()
