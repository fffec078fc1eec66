# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may include what: the table of layers in CONTRIBUTING.md, and what in a tree does not keep to it."""

import dataclasses
import pathlib
import re

# Code that must have a row; elsewhere a folder may have one.
MUST_HAVE_A_ROW = ("lib", "gst", "examples", "tests/harness", "tests/fake-cuda")
SUFFIXES = {".c", ".cpp", ".h", ".hpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
# Meson writes these.
GENERATED = {"config.h"}
# Of every C compiler, as headers without a suffix are of every C++ compiler: nobody needs leave for those.
LANGUAGE = {
    f"{name}.h" for name in "assert errno inttypes limits math stdbool stddef stdint stdio stdlib string".split()
}
LIBRARIES = {
    "GStreamer": re.compile(r"gst/|glib|gio/"),
    "CUDA": re.compile(r"cuda\w*\.h$"),
    "DLPack": re.compile(r"dlpack/"),
    "Python": re.compile(r"Python\.h$|nanobind/"),
    "GoogleTest": re.compile(r"gtest/|gmock/"),
    "CLI11": re.compile(r"CLI/"),
    "fmt": re.compile(r"fmt/"),
    "JSON": re.compile(r"nlohmann/"),
    "HTTP": re.compile(r"httplib\.h$"),
    # What is left.
    "system": re.compile(r".*\.h$"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A folder or a file, and what it may include beside its own headers: those of other rows, and libraries."""

    name: str
    rows: frozenset
    libraries: frozenset


def read_table(page):
    """Rows by name, from the table below the heading `Layers`."""
    section = re.search(r"^## Layers\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^\| *`([^`]+)` *\|([^|]*)\|([^|]*)\|$", section[1], re.MULTILINE) if section else []
    rows = {}
    for name, others, libraries in lines:
        rows[name] = Row(
            name,
            frozenset(whole_name(name, other) for other in re.findall(r"`([^`]+)`", others)),
            frozenset(word for word in re.split(r"[ ,]+", libraries) if word),
        )
    return rows


def whole_name(row, other):
    """A neighbour of the row is named by its last part alone."""
    return other if "/" in other else (pathlib.PurePosixPath(row).parent / other).as_posix()


class Tree:
    def __init__(self, root, rows):
        self.root = pathlib.Path(root)
        self.rows = rows
        self.files = {path.relative_to(self.root).as_posix() for path in self._sources()}

    def _sources(self):
        for top in ("lib", "gst", "examples", "tests"):
            yield from (path for path in (self.root / top).rglob("*") if path.suffix in SUFFIXES)

    def problems(self):
        """Sentences: what is wrong with the table, and which line of which file includes what it may not."""
        yield from self._table_problems()
        for file in sorted(self.files):
            row = self.row_of(file)
            if row:
                yield from self._file_problems(file, row)
            elif file.startswith(tuple(f"{folder}/" for folder in MUST_HAVE_A_ROW)):
                yield f"{file}: no row of the table is about it"

    def _table_problems(self):
        if not self.rows:
            yield "there is no table"
        for row in self.rows.values():
            if not (self.root / row.name).exists():
                yield f"the table: there is no {row.name}"
            for other in sorted(row.rows - self.rows.keys()):
                yield f"the table: {row.name} may include {other}, which has no row"
            for library in sorted(row.libraries - LIBRARIES.keys()):
                yield f"the table: {row.name} may use {library}, which layers.py does not know"

    def row_of(self, file):
        """That with the longest name: a folder's row is not about the parts that have one of their own."""
        names = [name for name in self.rows if file == name or file.startswith(f"{name}/")]
        return self.rows[max(names, key=len)] if names else None

    def _file_problems(self, file, row):
        for number, line in enumerate((self.root / file).read_text().splitlines(), 1):
            if (found := INCLUDE.match(line)) and (why := self._objection(file, row, *found.groups())):
                yield f"{file}:{number}: {why}"

    def _objection(self, file, row, quote, name):
        headers = self._headers(file, name)
        if headers:
            if not any(self._may_include(row, header) for header in headers):
                return f"{row.name} may not include {' or '.join(headers)}"
        elif quote == '"' and name not in GENERATED:
            return f"there is no header {name}"
        elif name not in LANGUAGE:
            library = next((library for library, pattern in LIBRARIES.items() if pattern.match(name)), None)
            if library and library not in row.libraries and name not in GENERATED:
                return f"{row.name} may not use {library}: {name}"
        return None

    def _headers(self, file, name):
        """Those of the tree that an include may mean: the one beside the file, or any that ends like that."""
        beside = (pathlib.PurePosixPath(file).parent / name).as_posix()
        if beside in self.files:
            return [beside]
        return sorted(header for header in self.files if header.endswith(f"/{name}"))

    def _may_include(self, row, header):
        owner = self.row_of(header)
        if owner is None:
            return False
        if owner == row:
            return True
        # Of a library with a folder `include` others see that alone.
        shown = not (self.root / owner.name / "include").is_dir() or header.startswith(f"{owner.name}/include/")
        return owner.name in row.rows and shown
