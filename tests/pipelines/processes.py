# SPDX-License-Identifier: LGPL-2.1-or-later
"""The processes of a section: started with a folder of their own to work in, told what to do, listened to,
and ended whatever happens."""

import json
import os
import pathlib
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time

ROLES = pathlib.Path(__file__).with_name("roles")
SECONDS = 60


class Process:
    """A role (a program in roles/) or any other command."""

    def __init__(self, command, folder, env, log="stderr"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.events, self.seen = folder, queue.Queue(), {}
        self.log = folder / log
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, daemon=True).start()

    @classmethod
    def role(cls, name, arguments, folder, env):
        return cls([sys.executable, str(ROLES / f"{name}.py"), *map(str, arguments)], folder, env)

    @classmethod
    def command(cls, line, folder, env):
        return cls(shlex.split(line), folder, env)

    def _listen(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.events.put(json.loads(line))
        self.events.put(None)

    def wait(self, event, deadline):
        """That event's fields; None: it did not come in time, or the process ended without it."""
        while event not in self.seen:
            try:
                came = self.events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if came is None:
                self.events.put(None)
                return None
            self.seen[came["event"]] = came
        return self.seen[event]

    def tell(self, what):
        try:
            os.write(self.process.stdin.fileno(), f"{json.dumps(what)}\n".encode())
        except BrokenPipeError:
            pass  # it ended already; what it said last tells how

    def signal(self, number):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def exit_code(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def errors(self):
        """The last that it wrote, for a report."""
        return " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])

    def end(self):
        for number in (signal.SIGCONT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdin.close()
