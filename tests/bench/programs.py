# SPDX-License-Identifier: LGPL-2.1-or-later
"""Child processes of the benchmark and the checks: JSON lines from their stdout, single letters to their stdin."""

import json
import os
import queue
import subprocess
import tempfile
import threading

EVENT_SECONDS = 30


class ProgramError(Exception):
    """A child process did not do what was expected of it; says what it wrote."""


class Program:
    """A running child. Leaving the `with` block closes its stdin, on which it ends, and waits for that."""

    def __init__(self, arguments, env=None):
        self._name = os.path.basename(arguments[0])
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=env
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(EVENT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._stderr.close()

    @property
    def pid(self):
        return self._process.pid

    def tell(self, letter):
        self._process.stdin.write(letter.encode())
        self._process.stdin.flush()

    def expect(self, event, seconds=EVENT_SECONDS):
        """The fields of the next report, which must be of this kind."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise ProgramError(f"{self._name}: no {event} within {seconds} s\n{self.errors()}") from None
        if line is None:
            raise ProgramError(f"{self._name} ended before {event}\n{self.errors()}")
        fields = json.loads(line)
        if fields.get("event") != event:
            raise ProgramError(f"{self._name}: {fields} instead of {event}\n{self.errors()}")
        return fields

    def errors(self):
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").strip()[-2000:]

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)
