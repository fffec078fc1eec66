# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: a directory of the test's own, and the command (CUFRAMES_COMMAND)."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

COMMAND = pathlib.Path(os.environ["CUFRAMES_COMMAND"])
SECONDS = 60 * float(os.environ.get("CUFRAMES_TEST_TIMEOUT_SCALE", "1"))


@pytest.fixture(autouse=True)
def directory(monkeypatch):
    # Short, because a socket's path has 107 bytes.
    path = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-"))
    monkeypatch.setenv("CUFRAMES_DIR", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def command():
    """Runs it to its end: what has `returncode`, `stdout` and `stderr`."""

    def run(*arguments, env=None, **options):
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            env={**os.environ, **(env or {})},
            check=False,
            **options,
        )

    return run
