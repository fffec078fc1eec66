# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera for programs of the documentation: once somebody reads it sends two seconds of NV12, and ends its stream.

usage: camera.py KEY host|cuda
"""

import signal
import sys
import time

import cuframes

RATE = 60
FRAMES = 2 * RATE

signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever started this one ends it
with cuframes.publish(sys.argv[1], format="NV12", width=640, height=360, memory=sys.argv[2], slots=16) as publisher:
    publisher.wait_subscribers()
    for _ in range(FRAMES):
        with publisher.acquire() as slot:
            slot.pts = time.monotonic_ns()
        time.sleep(1 / RATE)
    publisher.eos()
    signal.pause()  # readers that come late still find a publisher
