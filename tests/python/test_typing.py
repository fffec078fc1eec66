# SPDX-License-Identifier: LGPL-2.1-or-later
"""The types the package declares are the ones it has, and checkers accept it and its examples."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import cuframes
import pytest

SOURCE = pathlib.Path(__file__).parents[2]
PACKAGE = pathlib.Path(cuframes.__file__).parent
IMPORTS_TORCH = re.compile(r"^(from|import) torch\b", re.MULTILINE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What checkers remember: the libraries that examples import are large."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def mypy(need, tmp_path, cache):
    need("mypy")

    def run(*arguments, path=PACKAGE.parent):
        # Where a checker finds the package is said by MYPYPATH; the interpreter looks where PYTHONPATH says.
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "MYPYPATH": str(path), "MYPY_CACHE_DIR": str(cache)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_stubs_are_the_module(mypy):
    """stubtest finds no difference between the stubs of the native module and the module, in either
    direction."""
    code, said = mypy(pathlib.Path(__file__).parent / "stubtest_native.py", "cuframes._native")
    assert code == 0, said


def test_stub_mistakes_are_found(mypy, tmp_path):
    """And that check can fail: a stub with a wrong argument, a method or a name that is not there is
    refused."""
    wrong = tmp_path / "cuframes"
    shutil.copytree(PACKAGE, wrong, ignore=shutil.ignore_patterns("*.p", "__pycache__"))
    stub = wrong / "_native.pyi"
    text = stub.read_text()
    changed = text.replace("(self, timeout_ms: int", "(self, timeout: int")
    changed = changed.replace("def drop(self)", "def drip(self) -> None: ...\n    def drop(self)") + "extra: int\n"
    stub.write_text(changed)
    code, said = mypy(pathlib.Path(__file__).parent / "stubtest_native.py", "cuframes._native", path=tmp_path)
    assert code != 0
    for needle in ("Subscriber.next", "drip", "extra"):
        assert needle in said, said


def test_package_is_strictly_typed(mypy):
    """mypy --strict has nothing to say about the package."""
    code, said = mypy("-m", "mypy", "--strict", "-p", "cuframes")
    assert code == 0, said


@pytest.mark.parametrize("with_torch", [False, True])
def test_examples_are_strictly_typed(mypy, need, with_torch):
    """mypy --strict has nothing to say about the examples: what the package declares is enough to write
    them."""
    if with_torch:
        need("torch")
    examples = sorted((SOURCE / "examples" / "python").glob("*.py"))
    examples = [one for one in examples if with_torch == bool(IMPORTS_TORCH.search(one.read_text()))]
    assert examples
    code, said = mypy("-m", "mypy", "--strict", *examples)
    assert code == 0, said


WRONG = """
import cuframes
with cuframes.subscribe("cam") as subscriber:
    frame = subscriber.next_frame(timeout_ms="soon")
    frame.planes[0].shape.append(1)
    number: str = frame.seq
    subscriber.no_such_thing()
cuframes.publish("cam", "NV12")
"""


def test_types_find_mistakes(mypy, tmp_path):
    """A checker sees mistakes in a user's program: the package is typed, and marked so (py.typed)."""
    program = tmp_path / "program.py"
    program.write_text(WRONG)
    code, said = mypy("-m", "mypy", "--strict", program)
    assert code == 1
    for line in (4, 5, 6, 7, 8):
        assert f"program.py:{line}: error" in said, said
    assert (PACKAGE / "py.typed").exists()


def test_everything_public_is_named():
    """`from cuframes import *` gives what there is, and everything named exists and has a docstring."""
    assert len(set(cuframes.__all__)) == len(cuframes.__all__)
    for name in cuframes.__all__:
        thing = getattr(cuframes, name)
        if callable(thing):
            assert thing.__doc__ and thing.__doc__.strip(), name


@pytest.mark.parametrize(
    "kind", ["Subscriber", "Frame", "Plane", "Publisher", "Slot", "Packet", "PacketSubscriber", "PacketPublisher"]
)
def test_everything_is_documented(kind):
    """Every public method and property has a docstring."""
    cls = getattr(cuframes, kind)
    for name in dir(cls):
        if not name.startswith("_"):
            member = getattr(cls, name)
            assert (member.__doc__ or "").strip(), f"{kind}.{name}"
