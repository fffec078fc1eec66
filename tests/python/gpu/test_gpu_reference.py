# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs written for cuframes 0.4 run unchanged on a GPU: every snippet of its reference that finds the
libraries it imports, against cameras in GPU memory of another process."""

import os
import pathlib
import subprocess
import sys

import pytest
import reference_snippets
from processes import SECONDS

SNIPPETS = reference_snippets.snippets()


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet(name, roles, torch, figures):
    """The snippet runs to its end, unchanged, and says nothing on stderr."""
    if module := reference_snippets.missing(SNIPPETS[name]):
        pytest.skip(f"no {module} here")
    roles("gpu_cameras", keys=reference_snippets.CAMERAS, width=636, height=480, frames_per_second=100)
    done = subprocess.run(
        [sys.executable, pathlib.Path(reference_snippets.__file__), name],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    figures(snippet=name, stdout=done.stdout.splitlines())
