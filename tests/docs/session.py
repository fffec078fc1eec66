# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the commands and Python programs of a page from top to bottom, as a reader would who has a terminal for each.

The fence says how: `background` is left running until the page ends, `fails` has to fail, `no-run` is read only, and so
is what needs-SOMETHING that is not here. A block ```text output after a command is what its output has to contain, line
by line in this order, where … stands for anything. Files that a block with file=NAME shows are there for the commands.

A python block that `continues` is one program with those before it. For a key that a Python program reads and that nobody
on the page publishes there is a camera (camera.py).
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import environment

SECONDS = 60
SHELL = ["bash", "-eu", "-c"]
PYTHON = [sys.executable, "-X", "faulthandler", "-c"]
CAMERA = pathlib.Path(__file__).with_name("camera.py")
# What stands on the fence after needs-, and what shows whether it is here.
MODULES = {
    "torch": "torch",
    "jax": "jax",
    "cupy": "cupy",
    "numba": "numba.cuda",
    "av": "av",
    "gst": "cuframes.gst",
    "cv2": "cv2",
    "pillow": "PIL",
}
READS = re.compile(r"""(?:subscribe|Subscriber)\(\s*"([\w.-]+)"|cuframessrc key=([\w.-]+)""")
READS_TOGETHER = re.compile(r"""\b[gG]roup\(\s*\[([^\]]*)\]""")
PUBLISHES = re.compile(r"""(?:publish|Publisher)\(\s*"([\w.-]+)"|cuframessink key=([\w.-]+)""")


class CommandFailed(AssertionError):
    pass


def keys(pattern, text):
    return {name for found in pattern.findall(text) for name in found if name}


def keys_read(text):
    groups = READS_TOGETHER.findall(text)
    return keys(READS, text) | {key for group in groups for key in re.findall(r'"([\w.-]+)"', group)}


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

    def __init__(self, block, command, folder, env):
        self.block = block
        self.log = folder / f"line-{block.line}-{pathlib.Path(command[0]).name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def output(self):
        return self.log.read_text(errors="replace")

    def has(self, expected):
        return missing_line(expected, self.output()) is None

    def comes_to_have(self, expected):
        return environment.until(lambda: self.has(expected), SECONDS)

    def is_group_alive(self):
        self.process.poll()  # a leader that has ended is no more in its group, and what it started may be
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stop(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            if environment.until(lambda: not self.is_group_alive(), 5):
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
        elif block.language in ("sh", "python") and not block.has("no-run"):
            needs = block.needs() + (["package"] if block.language == "python" else [])
            if missing := [need for need in needs if not self._is_there(need, block)]:
                self.not_run.append((block, missing))
            elif block.has("background"):
                self._start(block)
            else:
                self._run(block)

    def _is_there(self, need, block):
        """What a block needs and may be tried here. Cameras and displays are not, even where there are some; for a GPU
        the stand-in driver serves, which decodes nothing."""
        if need == "package":
            return environment.has_package(self.build)
        if need == "torch-cuda":
            return environment.output_of([*PYTHON, "import torch; torch.zeros(1).cuda()"], self.env) is not None
        if need in MODULES:
            return environment.output_of([*PYTHON, f"import {MODULES[need]}"], self.env) is not None
        if need == "gpu":
            return environment.has_stand_in(self.build) and not re.search(r"\bnv\w+(dec|enc)\b", block.text)
        if need == "namespaces":
            probe = ["unshare", "--user", "--map-root-user", "--pid", "--net", "--mount", "--fork", "true"]
            return environment.output_of(probe, self.env) is not None
        return False

    def _env_for(self, block):
        return self.gpu_env if "gpu" in block.needs() else self.env

    def _command_of(self, block):
        return SHELL + [block.text] if block.language == "sh" else PYTHON + [self.page.program_of(block)]

    def _start(self, block):
        background = Background(block, self._command_of(block), self.folder, self._env_for(block))
        self.backgrounds.append(background)
        if block.output:
            first = block.output.text.strip().splitlines()[0]
            if not environment.until(lambda: background.has(first), SECONDS):
                self._fail(block, f"'{first}' did not come", background.output())

    def _run(self, block):
        cameras = self._start_cameras(block) if block.language == "python" else []
        try:
            self._run_command(block)
        finally:
            for camera in cameras:
                camera.stop()

    def _start_cameras(self, block):
        """Publishers of what the program reads, unless it or the page above has them."""
        begun = self.page.blocks[: self.page.blocks.index(block) + 1]
        published = keys(PUBLISHES, "\n".join(one.text for one in begun if self._runs(one)))
        memory = "cuda" if "gpu" in block.needs() else "host"
        return [
            Background(block, [sys.executable, str(CAMERA), key, memory], self.folder, self._env_for(block))
            for key in keys_read(self.page.program_of(block)) - published
        ]

    def _runs(self, block):
        """Whether a block is run here, as far as is known already."""
        is_program = block.language in ("sh", "python") and not block.has("no-run")
        return is_program and all(block is not one for one, _ in self.not_run)

    def _run_command(self, block):
        process = subprocess.Popen(
            self._command_of(block),
            cwd=self.folder,
            env=self._env_for(block),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
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
            if expected and not background.comes_to_have(expected.text):
                line = missing_line(expected.text, background.output())
                self._fail(background.block, f"its output has no '{line}'", background.output())

    def _fail(self, block, why, output):
        others = "".join(
            f"\n--- output of line {b.block.line}:\n{b.output()}" for b in self.backgrounds if b.block is not block
        )
        raise CommandFailed(f"{self.page}:{block.line}: {why}\n{block.text}\n--- output:\n{output}{others}")
