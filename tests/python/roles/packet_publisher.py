# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishes numbered packets when asked to."""

import agent
import cuframes


class Publisher:
    def __init__(self, **arguments):
        self.publisher = cuframes.publish_packets(**arguments)
        self.number = 0

    def send(self, count=1, gop=5):
        for _ in range(count):
            self.number += 1
            self.publisher.send(b"packet %d" % self.number, keyframe=(self.number - 1) % gop == 0)

    def wait_subscribers(self, count=1, timeout_ms=30000):
        self.publisher.wait_subscribers(count, timeout_ms=timeout_ms)

    def eos(self):
        self.publisher.eos()


role = Publisher(**agent.options())
try:
    agent.serve(role)
finally:
    role.publisher.close()
