# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several cameras in GPU memory, of NV12 pictures made with torch, until the end of input."""

import threading

import agent
import cuframes
import torch


class Cameras:
    def __init__(self, keys, width, height, frames_per_second):
        self.stopping = threading.Event()
        self.publishers = [
            cuframes.publish(key, format="NV12", width=width, height=height, memory="cuda") for key in keys
        ]
        self.thread = threading.Thread(target=self._run, args=(1 / frames_per_second,))
        self.thread.start()

    def _run(self, pause):
        number = 0
        while not self.stopping.wait(pause):
            number += 1
            for publisher in self.publishers:
                try:
                    with publisher.acquire() as slot:
                        for plane in slot.planes:
                            torch.from_dlpack(plane).fill_(number % 251)
                except cuframes.NoFreeSlot:
                    publisher.drop()

    def close(self):
        self.stopping.set()
        self.thread.join()
        for publisher in self.publishers:
            publisher.close()


role = Cameras(**agent.options())
try:
    agent.serve(role)
finally:
    role.close()
