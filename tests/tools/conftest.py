# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: a directory of the test's own, the command (CUFRAMES_COMMAND), and a process with publishers and readers."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import jsonschema
import pytest
from studio import Studio

SOURCE = pathlib.Path(__file__).parents[2]
COMMAND = pathlib.Path(os.environ["CUFRAMES_COMMAND"])
# Meson names the folder of the stand-in driver here too, as the tests depend on it.
LIBRARIES = os.environ.get("LD_LIBRARY_PATH", "").split(":")
SECONDS = 60 * float(os.environ.get("CUFRAMES_TEST_TIMEOUT_SCALE", "1"))


@pytest.fixture(autouse=True)
def directory(monkeypatch):
    # Short, because a socket's path has 107 bytes.
    path = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-"))
    monkeypatch.setenv("CUFRAMES_DIR", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def no_driver(monkeypatch):
    """Nobody has the stand-in for the driver that does not ask for it: see `driver`."""
    folders = [one for one in LIBRARIES if one != os.environ.get("CUFRAMES_TEST_DRIVER")]
    monkeypatch.setenv("LD_LIBRARY_PATH", ":".join(folders))


@pytest.fixture
def driver(monkeypatch, no_driver):
    """The stand-in for the driver, for this test's processes; what is called takes it away again."""
    folder = os.environ.get("CUFRAMES_TEST_DRIVER")
    if not folder:
        pytest.skip("no stand-in driver in this build")
    without = os.environ["LD_LIBRARY_PATH"]
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{folder}:{without}")
    return lambda: monkeypatch.setenv("LD_LIBRARY_PATH", without)


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


@pytest.fixture
def facts(command):
    """What a verb prints as JSON, which its schema allows."""

    def ask(verb, *arguments, code=0):
        done = command(verb, *arguments, "--json")
        assert done.returncode == code, done.stderr
        return checked(verb, json.loads(done.stdout))

    return ask


def checked(verb, document):
    """With what a schema takes from another looked at apart, as older validators cannot follow."""
    text = (SOURCE / "docs/reference/json" / f"{verb}.schema.json").read_text()
    schema = json.loads(re.sub(r'\{\s*"\$ref": "info\.schema\.json"\s*\}', "true", text))
    jsonschema.Draft202012Validator(schema).validate(document)
    if verb in ("ls", "top"):
        for ring in document["rings"]:
            checked("info", ring)
    return document


@pytest.fixture
def studios():
    """Starts processes with publishers and readers, and ends them all."""
    started = []

    def start():
        started.append(Studio())
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.go_on()
        one.close() if one.process.returncode != -signal.SIGKILL else None


@pytest.fixture
def studio(studios):
    return studios()
