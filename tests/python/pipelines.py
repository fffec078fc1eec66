# SPDX-License-Identifier: LGPL-2.1-or-later
"""GStreamer pipelines in processes of their own, by gst-launch-1.0: what the package talks to is another
program."""

import os
import subprocess
import tempfile

from processes import SECONDS


class Pipeline:
    """`gst-launch-1.0` running a description; what it says goes to a file."""

    def __init__(self, description, env=None):
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["gst-launch-1.0", "-v", "-e", *description.split()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )

    def output(self):
        """What it has said so far."""
        return os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")

    def finish(self):
        """Waits for its end; says what it said. An exit code other than 0 is an error."""
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the pipeline does not end\n{self.output()}") from None
        assert code == 0, self.output()
        return self.output()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()
