# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs written for cuframes 0.4 run unchanged: every snippet of its reference (reference/python.md) runs
here against cuframessink, each in a process of its own."""

import inspect
import json
import re

import cuframes
import pytest
import reference_snippets
from pipelines import Pipeline

SNIPPETS = reference_snippets.snippets()
CAMERA = (
    "videotestsrc is-live=true ! video/x-raw,format=NV12,width=636,height=480,framerate=100/1 ! {upload}"
    " cuframessink key={key} sync=false"
)


@pytest.fixture
def cameras(cleanup, memory, need):
    need("gi")
    upload = "cudaupload !" if memory == "cuda" else ""
    for key in reference_snippets.CAMERAS:
        cleanup.append(Pipeline(CAMERA.format(key=key, upload=upload)))


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet(cameras, need, memory, name):
    """The snippet runs to its end, unchanged, and says nothing on stderr."""
    text = SNIPPETS[name]
    if module := reference_snippets.missing(text):
        need(module)
        pytest.skip(f"{module} is of another version")
    if "torch.cuda" in text and not need("torch").cuda.is_available():
        pytest.skip("about torch's streams, which need a GPU")
    if "torch." in text and not need("torch").cuda.is_available() and memory == "cuda":
        pytest.skip("torch has no GPU here")
    lines = reference_snippets.lines_of(name)
    if name == "Quick start":
        version, frame = lines
        assert version == cuframes.version_string() and re.fullmatch(r"636x480 format=\S*NV12 seq=\d+", frame)


def test_nothing_is_left_out():
    """Every Python block of the reference is a test."""
    fences = reference_snippets.REFERENCE.read_text().count("```python")
    assert len(SNIPPETS) == fences == 10


def test_exception_table():
    """The reference's table of exceptions: each is there and a CuframesError."""
    names = re.findall(r"^\| (Cuframes\w+) \|", reference_snippets.REFERENCE.read_text(), re.M)
    assert len(names) == 8
    for name in names:
        assert issubclass(getattr(cuframes, name), cuframes.CuframesError)


def test_parameter_table():
    """The reference's table of subscribe()'s parameters: names, order and defaults."""
    rows = re.findall(
        r"^\| (\w+) \| ([^|\\]+?)(?: \\\| None)? \| (\S+)[^|]* \|",
        reference_snippets.REFERENCE.read_text(),
        re.M,
    )
    parameters = inspect.signature(cuframes.subscribe).parameters
    documented = {name: default for name, _, default in rows if name in parameters}
    assert list(documented) == list(parameters)[: len(documented)] and len(documented) == 6
    for name, default in documented.items():
        actual = parameters[name].default
        assert default == "(required)" or default in (str(actual), getattr(actual, "name", None))


def test_stats_for_health_reports(cameras):
    """stats() holds numbers and text only: it goes into a JSON message as it is."""
    with cuframes.subscribe(reference_snippets.CAMERAS[0], connect_timeout_ms=30000) as sub:
        sub.next_frame(timeout_ms=30000).release()
        assert json.loads(json.dumps(sub.stats()))["frames_received"] == 1
