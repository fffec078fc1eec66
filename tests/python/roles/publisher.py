# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishes numbered pictures when asked to, or without a pause until told to stop."""

import threading

import agent
import cuframes
import pictures


class Publisher:
    def __init__(self, first=1, **arguments):
        self.publisher = cuframes.publish(**arguments)
        self.number = first - 1
        self.stopping = threading.Event()
        self.thread = None

    def _publish_one(self):
        self.number += 1
        try:
            with self.publisher.acquire() as slot:
                pictures.draw(slot, self.number)
                slot.pts = self.number * 1000
        except cuframes.NoFreeSlot:
            self.publisher.drop()

    def publish(self, count=1):
        for _ in range(count):
            self._publish_one()
        return {"number": self.number}

    def run(self):
        """At full speed, from a thread, until stop()."""

        def loop():
            while not self.stopping.is_set():
                self._publish_one()

        self.stopping.clear()
        self.thread = threading.Thread(target=loop)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.thread = None
        return {"number": self.number}

    def configure(self, format, width, height, memory="host"):
        self.publisher.configure(format, width, height, memory=memory)

    def wait_subscribers(self, count=1, timeout_ms=30000):
        self.publisher.wait_subscribers(count, timeout_ms=timeout_ms)

    def eos(self):
        self.publisher.eos()

    def stats(self):
        return self.publisher.stats()

    def subscribers(self):
        return {"subscribers": [{k: str(v) for k, v in one.items()} for one in self.publisher.subscribers()]}

    def close(self):
        self.publisher.close()


role = Publisher(**agent.options())
try:
    agent.serve(role)
finally:
    if role.thread:
        role.stop()
    role.close()
