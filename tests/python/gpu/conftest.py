# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests that need a real GPU: kernels, torch, cupy, jax, numba. `python3 -m pytest -s tests/python/gpu` runs
them with whatever of these is there; each prints the figures it measured."""

import json

import cuframes
import pytest


def pytest_collection_modifyitems(items):
    try:
        cuframes.cuda_self_test(0)
    except cuframes.Error as error:
        for item in items:
            if "/gpu/" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=f"no GPU to share frames on: {error}"))


@pytest.fixture
def memory():
    """Frames of these tests lie on the GPU, whatever the environment says for others."""
    return "cuda"


@pytest.fixture(scope="session")
def torch():
    found = pytest.importorskip("torch")
    if not found.cuda.is_available():
        pytest.skip("torch without CUDA")
    return found


@pytest.fixture(scope="session")
def cupy():
    return pytest.importorskip("cupy")


@pytest.fixture
def figures(request, capsys):
    """Prints what a test measured, as one line of JSON that pytest's capture lets through."""

    def show(**numbers):
        with capsys.disabled():
            print(f"\nFIGURES {request.node.name} {json.dumps(numbers)}", flush=True)

    return show


@pytest.fixture
def gpu_publisher(roles, key):
    """A process that fills slots on the GPU with the frame's number in every pixel."""

    def start(**options):
        options.setdefault("key", key)
        return roles("gpu_publisher", **options)

    return start
