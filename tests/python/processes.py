# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other processes: a publisher or subscriber that is asked over a pipe, and programs that run to their
end."""

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

ROLES = pathlib.Path(__file__).parent / "roles"
SECONDS = 60 * float(os.environ.get("CUFRAMES_TEST_TIMEOUT_SCALE", "1"))


def eventually(condition, seconds=SECONDS):
    """Waits until `condition` holds; says whether it ever did. Its own calls are what it costs."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def state_of(pid):
    """R running, S sleeping in the kernel, Z dead and not waited for."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


class RoleError(Exception):
    """What a request raised in the other process."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Role:
    """A child that does what one of roles/ can do: a line of JSON asks, a line of JSON answers."""

    def __init__(self, name, env=None, **options):
        self.process = subprocess.Popen(
            [sys.executable, ROLES / f"{name}.py", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )
        self._buffer = b""
        try:
            self.ready = self.answer()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self):
        return self.process.pid

    def send(self, command, **arguments):
        line = json.dumps({"command": command, **arguments}) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def answer(self):
        end = time.monotonic() + SECONDS
        while b"\n" not in self._buffer:
            left = max(0.0, end - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no answer from {self.process.args}")
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                raise AssertionError(f"{self.process.args} ended with {self.process.wait()}")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        found = json.loads(line)
        if "error" in found:
            raise RoleError(found["error"], found["message"])
        return found

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        return self.answer()

    def kill(self):
        self.process.kill()
        self._reap()

    def close(self):
        """Ends it in good order, and fails if it could not."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                code = self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.process.args} did not end") from None
            assert code == 0, f"{self.process.args} ended with {code}"
        self._reap()

    def _reap(self):
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Program:
    """A Python program given as text. What it prints can be waited for."""

    def __init__(self, text, *arguments, env=None):
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", text, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            text=True,
        )

    def read_line(self):
        assert select.select([self.process.stdout], [], [], SECONDS)[0], "the program says nothing"
        return self.process.stdout.readline().rstrip("\n")

    def await_sleep(self):
        assert eventually(lambda: state_of(self.process.pid) in "SZX")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self):
        """(exit code, stdout, stderr); a hang is an error."""
        try:
            out, err = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"the program hangs\n{out}\n{err}") from None
        return self.process.returncode, out, err

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def run_program(text, *arguments, env=None):
    return Program(text, *arguments, env=env).finish()
