# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pipelines that people type run at the camera's rate, with default settings, and
docs/reference/pipelines.md says what is so: every row of the page is run, and nothing else is on it.

PIPELINES_SECTIONS names the sections that are run, separated by commas; all without it."""

import functools
import os

import page
import pytest
import sections
from sections import SECTIONS

NAMES = [name for name in os.environ.get("PIPELINES_SECTIONS", "").split(",") if name]
CHOSEN = [one for one in SECTIONS if not NAMES or one.name in NAMES]
ROWS = [(one, reader) for one in CHOSEN for reader in one.readers]


@functools.cache
def run(one):
    return {row.reader: row for row in sections.run(one)}


def test_the_sections_asked_for_exist():
    assert set(NAMES) <= {one.name for one in SECTIONS}


def test_the_page_has_every_section_and_no_other():
    assert page.titles() == [one.title for one in SECTIONS]


@pytest.mark.parametrize("one", CHOSEN, ids=[one.name for one in CHOSEN])
def test_the_page_shows_the_lines_that_are_run(one):
    rows, cameras = page.verdicts(one)
    assert cameras == page.cameras_of(one)
    assert list(rows) == [page.line_of(reader) for reader in one.readers]


@pytest.mark.parametrize(("one", "reader"), ROWS, ids=[f"{one.name}: {reader.line}" for one, reader in ROWS])
def test_the_verdict_is_what_the_page_says(one, reader):
    row = run(one)[reader]
    said = page.verdicts(one)[0].get(page.line_of(reader))
    assert row.verdict == said or (row.verdict != "ok" and said != "ok"), page.cells_of(one, row)
