# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many slots of a ring an appsink keeps that nobody is busy with.

    ./dev run python3 tests/bench/pinned_slots.py

A pipeline `cuframessrc ! appsink` pulls three samples, and then does nothing. For each setting of appsink it
is printed how many slots the publisher says are held: after it went on for a while; the same with tensors of
the first two samples kept; and if instead it stopped with the third frame.
"""

import gc
import os
import tempfile
import time

import gi

gi.require_version("Gst", "1.0")
import cuframes  # noqa: E402
from cuframes import gst  # noqa: E402
from gi.repository import Gst  # noqa: E402

MAX_HELD = 16
SECONDS = 30
STILL = 0.2  # the count did not change for so long: whatever is going to be taken was


class Reader:
    """A pipeline that pulls when it is told to."""

    def __init__(self, publisher, settings):
        self.publisher = publisher
        self.pipeline = Gst.parse_launch(
            f"cuframessrc key=pinned mode=strict max-held={MAX_HELD} ! appsink name=out sync=false {settings}"
        )
        self.pipeline.set_state(Gst.State.PLAYING)
        publisher.wait_subscribers(1, timeout_ms=1000 * SECONDS)

    def publish(self, count):
        for _ in range(count):
            with self.publisher.acquire():
                pass

    def pull_tensor(self):
        """Of a sample that is forgotten at once."""
        return gst.wrap(self.pipeline.get_by_name("out").emit("pull-sample")).planes[0].__dlpack__()

    def held(self):
        """What the publisher says is held, once that stays the same."""
        gc.collect()
        deadline = time.monotonic() + SECONDS
        count, since = None, time.monotonic()
        while time.monotonic() - since < STILL:
            if time.monotonic() > deadline:
                raise SystemExit("the number of held slots does not come to rest")
            now = self.publisher.subscribers()[0]["held"]
            if now != count:
                count, since = now, time.monotonic()
            time.sleep(0.01)
        return count

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)


def measure(settings, goes_on):
    """Slots held with two tensors, and without."""
    layout = {"format": "NV12", "width": 64, "height": 48}
    with cuframes.publish("pinned", **layout, slots=4 * MAX_HELD) as publisher:
        reader = Reader(publisher, settings)
        try:
            tensors = []
            for _ in range(3):
                reader.publish(1)
                tensors.append(reader.pull_tensor())
            del tensors[-1]
            if goes_on:
                reader.publish(2 * MAX_HELD)
            with_tensors = reader.held()
            tensors.clear()
            return with_tensors, reader.held()
        finally:
            reader.close()


def main():
    print("| settings of appsink | idle | idle, with two tensors kept | idle, publisher stopped |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="pinned-") as folder:
        os.environ["CUFRAMES_DIR"] = folder
        for queue in ("max-buffers=1", "max-buffers=3", "max-buffers=1 drop=true", "max-buffers=3 drop=true"):
            for last_sample in ("false", "true"):
                settings = f"{queue} enable-last-sample={last_sample}"
                with_tensors, idle = measure(settings, goes_on=True)
                print(f"| `{settings}` | {idle} | {with_tensors} | {measure(settings, goes_on=False)[1]} |", flush=True)


if __name__ == "__main__":
    main()
