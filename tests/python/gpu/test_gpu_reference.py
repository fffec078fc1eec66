# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs written for cuframes 0.4 run unchanged on a GPU: every snippet of its reference that finds the
libraries it imports, against cameras in GPU memory of another process."""

import pytest
import reference_snippets

SNIPPETS = reference_snippets.snippets()


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet(name, roles, torch, figures):
    """The snippet runs to its end, unchanged, and says nothing on stderr."""
    if module := reference_snippets.missing(SNIPPETS[name]):
        pytest.skip(f"no {module} here")
    roles("gpu_cameras", keys=reference_snippets.CAMERAS, width=636, height=480, frames_per_second=100)
    lines = reference_snippets.lines_of(name)
    figures(snippet=name, stdout=lines)
