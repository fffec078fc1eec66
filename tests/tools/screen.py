# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal with a program in it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

SECONDS = 60


class Screen:
    def __init__(self, arguments, rows=24, columns=100):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.usual = termios.tcgetattr(self.slave)
        self.seen = ""
        self.process = subprocess.Popen(
            arguments,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "TERM": "xterm"},
            # Its own session, so that the terminal is its, and Ctrl-C too.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, what):
        """Reads until `what`, a function of all that was seen, is true."""
        end = time.monotonic() + SECONDS
        while not what(self.seen):
            assert time.monotonic() < end, f"not seen: {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 1 << 16).decode()

    def forget(self):
        self.seen = ""

    def pages(self):
        """Those that are complete."""
        return [page for page in self.seen.split("\x1b[H") if page.endswith("\x1b[J")]

    def finish(self):
        """Exit code, and whether the terminal is as it was."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 1 << 16).decode()
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 1 << 16).decode()
        return self.process.returncode, termios.tcgetattr(self.slave) == self.usual

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
