# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's side of its child processes: starts them, keeps what they report, and sees that none is left."""

import asyncio
import collections
import json
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STOP_SECONDS = 5
RATE_WINDOW = 8  # reports, at four a second


class DemoError(Exception):
    """Something the user should read, in one sentence."""


class Child:
    """One child process and what it last said. `state` is what the table shows."""

    def __init__(self, name, arguments, changed, state="starting"):
        self.name = name
        self.state = state
        self.stats = {}
        self.events = collections.defaultdict(list)
        self.error = None
        self.exit_code = None
        self._arguments = arguments
        self._changed = changed
        self._counts = collections.deque(maxlen=RATE_WINDOW)
        self._stderr_tail = collections.deque(maxlen=6)
        self._process = None
        self._tasks = []

    async def start(self):
        # A session of its own: Ctrl-C in the terminal reaches the demo alone, which then ends its children in order.
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=1 << 20,
        )
        self._tasks = [asyncio.create_task(self._read_reports()), asyncio.create_task(self._read_errors())]

    @property
    def pid(self):
        return self._process.pid

    @property
    def alive(self):
        return self._process is not None and self.exit_code is None

    def count(self, field):
        return self.stats.get(field, 0)

    def rate(self):
        """Frames per second over the last two seconds."""
        if len(self._counts) < 2 or not self.alive:
            return None
        (first_time, first), (last_time, last) = self._counts[0], self._counts[-1]
        return (last - first) / (last_time - first_time) if last_time > first_time else None

    def mark(self):
        """When the last report was made, and how many frames it counted."""
        return self._counts[-1]

    def command(self, line):
        self._process.stdin.write(line.encode() + b"\n")

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    async def stop(self):
        """Asks the child to end, waits a while, then insists."""
        if self._process is None:
            return
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self.wait()

    async def wait(self):
        await asyncio.gather(*self._tasks)
        return self.exit_code

    def why(self):
        """What went wrong, from the child's own report or from what it wrote to stderr."""
        said = self.error or " / ".join(self._stderr_tail) or f"it ended with code {self.exit_code}"
        return f"{self.name}: {said}"

    async def _read_reports(self):
        async for line in self._process.stdout:
            try:
                self._take_report(json.loads(line))
            except ValueError:
                self._stderr_tail.append(line.decode(errors="replace").strip())
            self._changed.set()
        self.exit_code = await self._process.wait()
        self._changed.set()

    def _take_report(self, fields):
        event = fields.pop("event")
        self.events[event].append(fields)
        if event == "error":
            debug = fields.get("debug")
            self.error = fields["message"] + (f" ({debug.splitlines()[-1]})" if debug else "")
        elif event == "state":
            self.state = fields["state"]
        elif event == "stats":
            # Only the last one counts; keeping them all would grow for as long as the demo runs.
            self.events[event] = [fields]
            self.stats = fields
            self.state = fields.get("state", self.state)
            self._counts.append((fields["time"], fields.get("frames", fields.get("published", 0))))

    async def _read_errors(self):
        async for line in self._process.stderr:
            self._stderr_tail.append(line.decode(errors="replace").strip())


class Children:
    """All child processes of one demo."""

    def __init__(self):
        self._all = []
        self._required = set()
        self._changed = asyncio.Event()

    async def start_role(self, name, script, *arguments):
        """Starts one of the demo's own programs; the demo fails when it ends before release() was called for it."""
        child = await self.start_program(name, sys.executable, os.path.join(HERE, script), *map(str, arguments))
        self._required.add(child)
        return child

    async def start_program(self, name, *arguments):
        child = Child(name, arguments, self._changed)
        self._all.append(child)
        await child.start()
        return child

    def release(self, child):
        """From here on the child may end."""
        self._required.discard(child)

    async def until(self, condition, what, seconds):
        """Waits for `condition`, which is looked at whenever a child says something."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    self._check()
                    await self._changed.wait()
        except TimeoutError:
            errors = [child.why() for child in self._all if child.error]
            raise DemoError("; ".join([f"{what}: not within {seconds} s"] + errors)) from None

    async def run_for(self, seconds):
        """Lets time pass, unless a child fails."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            self._changed.clear()
            self._check()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return

    async def stop_all(self):
        self._required.clear()
        await asyncio.gather(*(child.stop() for child in self._all), return_exceptions=True)

    def _check(self):
        for child in self._required:
            if child.error or child.exit_code is not None:
                raise DemoError(child.why())
