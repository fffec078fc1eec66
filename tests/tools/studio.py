# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process with publishers and readers, for tests of what is told about them.

usage: studio.py: a line of JSON asks ({"do": METHOD, …}), a line of JSON answers; end of input ends it. `Studio` does so.
"""

import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import sys
import threading
import time

SECONDS = 60


try:
    import cuframes
    import numpy
except ImportError:  # In the test itself they may be missing.
    cuframes = numpy = None


class Studio:
    """The other process, as a test has it: `studio.publish(keys=["cam"])`."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self):
        return self.process.pid

    def __getattr__(self, name):
        def ask(**arguments):
            self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
            self.process.stdin.flush()
            assert select.select([self.process.stdout], [], [], SECONDS)[0], f"the studio does not answer to {name}"
            line = self.process.stdout.readline()
            assert line, f"the studio ended with {self.process.wait()}"
            return json.loads(line)

        return ask

    def pause(self):
        """Stops all of it: the signal alone is not that yet."""
        os.kill(self.pid, signal.SIGSTOP)
        end = time.monotonic() + SECONDS
        tasks = list(pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"))
        while any(task.read_text().rpartition(")")[2].split()[0] != "T" for task in tasks):
            assert time.monotonic() < end, "the studio does not stop"
            time.sleep(0.001)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """Whatever it had stays on disk."""
        self.process.kill()
        self._reap()

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                code = self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("the studio does not end") from None
            assert code == 0, f"the studio ended with {code}"
        self._reap()

    def _reap(self):
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Inside:
    """What the process does. Its pictures are small: what is told of them is what counts."""

    def __init__(self):
        self.publishers = {}
        self.readers = []
        self.stopping = threading.Event()
        self.thread = None
        self.frame = numpy.zeros((16, 16), numpy.uint8)

    def publish(self, keys, **options):
        for key in keys:
            self.publishers[key] = cuframes.publish(key, format="GRAY8", width=16, height=16, **options)

    def publish_packets(self, keys, **options):
        for key in keys:
            self.publishers[key] = cuframes.publish_packets(key, caps="video/x-test", **options)

    def read(self, keys, names, mode="NEWEST_ONLY", hold=False):
        """A reader of each name for each key, which takes one frame."""
        for key in keys:
            for name in names:
                reader = cuframes.subscribe(key, name, cuframes.SubscriberMode[mode], connect_timeout_ms=SECONDS * 1000)
                frame = reader.next_frame(timeout_ms=SECONDS * 1000)
                self.readers.append((reader, frame if hold else None))

    def read_packets(self, keys, name):
        for key in keys:
            self.readers.append((cuframes.subscribe_packets(key, consumer_name=name, start="keyframe"), None))

    def take(self, reader, count=1):
        """The reader of that number takes more."""
        for _ in range(count):
            self.readers[reader][0].next_frame(timeout_ms=SECONDS * 1000)

    def leave(self, reader):
        self.readers[reader][0].close()

    def send(self, count=1, pts=None, delta=False):
        """A frame each, or a packet, which `delta` makes one that needs those before it."""
        for _ in range(count):
            for publisher in self.publishers.values():
                when = time.monotonic_ns() if pts is None else pts
                if isinstance(publisher, cuframes.PacketPublisher):
                    publisher.send(bytes(256), pts=when, keyframe=not delta)
                else:
                    publisher.send(self.frame, pts=when)

    def run(self, every=0.05):
        """Sends until stop()."""

        def loop():
            while not self.stopping.wait(every):
                self.send()

        self.stopping.clear()
        self.thread = threading.Thread(target=loop)
        self.thread.start()

    def stop(self):
        if self.thread:
            self.stopping.set()
            self.thread.join()
            self.thread = None

    def drop(self, key):
        self.publishers[key].drop()

    def end(self, key):
        self.publishers[key].eos()

    def restart(self, key, **options):
        self.publishers.pop(key).close()
        self.publish([key], **options)

    def stats(self):
        return {key: publisher.stats() for key, publisher in self.publishers.items()}

    def subscribers(self, key):
        return [{**one, "mode": str(one["mode"])} for one in self.publishers[key].subscribers()]

    def window(self, key):
        return self.publishers[key].window()

    def close(self):
        self.stop()
        for reader, _ in self.readers:
            reader.close()
        for publisher in self.publishers.values():
            publisher.close()


def main():
    # Many publishers and readers have many descriptors.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    inside = Inside()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            answer = getattr(inside, request.pop("do"))(**request)
            print(json.dumps(answer), flush=True)
    finally:
        inside.close()


if __name__ == "__main__":
    main()
