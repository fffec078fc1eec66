# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the commands of a page from top to bottom, as a reader would who has a terminal for each of them.

The fence says how: `background` is left running until the page ends, `fails` has to fail, `no-run` is read only, and so
is what needs-SOMETHING that is not here. A block ```text output after a command is what its output has to contain, line
by line in this order, where … stands for anything. Files that a block with file=NAME shows are there for the commands.
"""

import os
import pathlib
import re
import signal
import subprocess
import tempfile

import environment

SECONDS = 60
SHELL = ["bash", "-eu", "-c"]


class CommandFailed(AssertionError):
    pass


def missing_line(expected, output):
    """The first expected line that does not follow in the output; None: all do."""
    at = 0
    for line in filter(None, map(str.strip, expected.splitlines())):
        found = re.compile(".*?".join(map(re.escape, line.split("…")))).search(output, at)
        if not found:
            return line
        at = found.end()
    return None


class Background:
    """A command that goes on while others run, with everything it starts."""

    def __init__(self, block, folder, env):
        self.block = block
        self.log = folder / f"line-{block.line}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                SHELL + [block.text], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )

    def output(self):
        return self.log.read_text(errors="replace")

    def has(self, expected):
        return missing_line(expected, self.output()) is None

    def is_group_alive(self):
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return self.process.poll() is None

    def stop(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            if environment.until(lambda: not self.is_group_alive(), 10):
                break
        self.process.wait()


class Session:
    def __init__(self, page, build):
        self.page = page
        self.build = build
        self.backgrounds = []
        self.not_run = []

    def run(self):
        with tempfile.TemporaryDirectory(prefix="docs-") as name:
            self.folder = pathlib.Path(name)
            dev = self.folder / "dev"
            dev.write_text(environment.DEV)
            dev.chmod(0o755)
            self.env = environment.make(self.build, self.folder)
            self.gpu_env = environment.make(self.build, self.folder, gpu=True)
            try:
                for block in self.page.blocks:
                    self._do(block)
                self._check_backgrounds()
            finally:
                for background in reversed(self.backgrounds):
                    background.stop()

    def _do(self, block):
        if block.value("file"):
            (self.folder / block.value("file")).write_text(block.text + "\n")
        elif block.language == "sh" and not block.has("no-run"):
            if missing := [need for need in block.needs() if not self._is_there(need, block)]:
                self.not_run.append((block, missing))
            elif block.has("background"):
                self._start(block)
            else:
                self._run(block)

    def _is_there(self, need, block):
        """What a block needs and may be tried here. Cameras and displays are not, even where there are some; for a GPU
        the stand-in driver serves, which decodes nothing."""
        if need == "gpu":
            return environment.has_stand_in(self.build) and not re.search(r"\bnv\w+(dec|enc)\b", block.text)
        if need == "namespaces":
            probe = ["unshare", "--user", "--map-root-user", "--pid", "--net", "--mount", "--fork", "true"]
            return environment.output_of(probe, self.env) is not None
        return False

    def _env_for(self, block):
        return self.gpu_env if "gpu" in block.needs() else self.env

    def _start(self, block):
        background = Background(block, self.folder, self._env_for(block))
        self.backgrounds.append(background)
        if block.output:
            first = block.output.text.strip().splitlines()[0]
            if not environment.until(lambda: background.has(first), SECONDS):
                self._fail(block, f"'{first}' did not come", background.output())

    def _run(self, block):
        process = subprocess.Popen(
            SHELL + [block.text], cwd=self.folder, env=self._env_for(block), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            self._fail(block, f"it did not end within {SECONDS} s", output)
        if (process.returncode != 0) != block.has("fails"):
            self._fail(block, f"its exit code is {process.returncode}", output)
        if block.output and (line := missing_line(block.output.text, output)):
            self._fail(block, f"its output has no '{line}'", output)

    def _check_backgrounds(self):
        for background in self.backgrounds:
            expected = background.block.output
            if expected and not environment.until(lambda: background.has(expected.text), SECONDS):
                line = missing_line(expected.text, background.output())
                self._fail(background.block, f"its output has no '{line}'", background.output())

    def _fail(self, block, why, output):
        others = "".join(
            f"\n--- output of line {b.block.line}:\n{b.output()}" for b in self.backgrounds if b.block is not block
        )
        raise CommandFailed(f"{self.page}:{block.line}: {why}\n{block.text}\n--- output:\n{output}{others}")
