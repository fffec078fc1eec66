# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes frames when asked to and says what they were."""

import agent
import cuframes
import pictures


class Subscriber:
    def __init__(self, **arguments):
        arguments["mode"] = getattr(cuframes.SubscriberMode, arguments.pop("mode", "NEWEST_ONLY"))
        self.subscriber = cuframes.Subscriber(**arguments)
        self.held = []

    def connect(self, timeout_ms=30000):
        self.subscriber.connect(timeout_ms)

    def next(self, timeout_ms=30000, hold=False, picture=None):
        frame = self.subscriber.next_frame(timeout_ms=timeout_ms)
        answer = {
            "seq": frame.seq,
            "pts": frame.pts,
            "format": str(frame.format),
            "memory": frame.memory,
            "size": [frame.width, frame.height],
            "missed": frame.missed,
            "difference": "" if picture is None else pictures.difference(frame, picture),
        }
        if hold:
            self.held.append(frame)
        else:
            frame.release()
        return answer

    def release(self):
        for frame in self.held:
            frame.release()
        self.held.clear()

    def stats(self):
        return {
            key: value if isinstance(value, (int, str)) else str(value)
            for key, value in self.subscriber.stats().items()
        }


role = Subscriber(**agent.options())
try:
    agent.serve(role)
finally:
    role.release()
    role.subscriber.close()
