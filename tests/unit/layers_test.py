# SPDX-License-Identifier: LGPL-2.1-or-later
"""Promise: what CONTRIBUTING.md says about who may include what is so.

usage: layers_test.py (environment: LAYERS_SOURCE, the source tree)
"""

import os
import pathlib
import re
import tempfile
import unittest

import layers

SOURCE = pathlib.Path(os.environ.get("LAYERS_SOURCE", pathlib.Path(__file__).parents[2]))
TABLE = """
## Layers

| code | may include | and of libraries |
|---|---|---|
| `lib/low` | | system |
| `lib/high` | `low` | |
| `lib/high/odd.h` | | |
| `gst` | `lib/high` | GStreamer |

## Style
"""
FILES = {
    "lib/low/include/low/low.h": "#include <cstdint>\n#include <string.h>\n",
    "lib/low/private.h": "#include <unistd.h>\n",
    "lib/high/high.h": '#include "low/low.h"\n',
    "lib/high/odd.h": "",
    "gst/element.cpp": '#include "high.h"\n#include <gst/gst.h>\n',
}


class TheTree(unittest.TestCase):
    def test_includes_what_the_table_allows(self):
        rows = layers.read_table((SOURCE / "CONTRIBUTING.md").read_text())
        self.assertEqual(list(layers.Tree(SOURCE, rows).problems()), [])

    def test_has_rows_for_what_must_not_meet(self):
        rows = layers.read_table((SOURCE / "CONTRIBUTING.md").read_text())
        self.assertNotIn("gst/src", rows["gst/sink"].rows)
        self.assertNotIn("gst/sink", rows["gst/src"].rows)
        self.assertFalse({"gst/sink", "gst/src"} & rows["gst/shared"].rows)
        self.assertEqual(rows["lib/cuframes/ring"].libraries | rows["lib/cuframes/protocol"].libraries, set())


class WhoIsAttached(unittest.TestCase):
    """Knows nothing of what is carried, and has no word of it: that is in folders of its own."""

    WORDS = re.compile(r"\b(frame|slot|geometry|lease|cuda)", re.IGNORECASE)

    def test_does_not_speak_of_frames(self):
        spoken = []
        for side in ("publisher", "subscriber"):
            files = [path for path in (SOURCE / "lib/cuframes" / side).iterdir() if path.is_file()]
            self.assertGreater(len(files), 3)
            spoken += [f"{path.name}: {line}" for path in files for line in self.lines_of_frames(path.read_text())]
        self.assertEqual(spoken, [])

    def test_would_be_heard(self):
        self.assertEqual(self.lines_of_frames("int cuframes_x;\nint slots;\nCUFRAMES_OK\n"), ["int slots;"])

    def lines_of_frames(self, text):
        return [
            line for line in text.splitlines() if self.WORDS.search(re.sub("cuframes", "", line, flags=re.IGNORECASE))
        ]


class AWrongInclude(unittest.TestCase):
    """Shows that the test above can fail: each of these is one change to a tree that is right."""

    def problems(self, table=TABLE, **changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**FILES, **changes}.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return list(layers.Tree(folder, layers.read_table(table)).problems())

    def test_is_not_there(self):
        self.assertEqual(self.problems(), [])

    def test_goes_upward(self):
        self.assertEqual(
            self.problems(**{"lib/low/private.h": '\n#include "high.h"\n'}),
            ["lib/low/private.h:2: lib/low may not include lib/high/high.h"],
        )

    def test_skips_a_layer(self):
        self.assertEqual(
            self.problems(**{"gst/element.cpp": "#include <low/low.h>\n"}),
            ["gst/element.cpp:1: gst may not include lib/low/include/low/low.h"],
        )

    def test_looks_behind_the_include_folder(self):
        self.assertEqual(
            self.problems(**{"lib/high/high.h": '#include "private.h"\n'}),
            ["lib/high/high.h:1: lib/high may not include lib/low/private.h"],
        )

    def test_uses_a_library(self):
        self.assertEqual(
            self.problems(**{"lib/high/high.h": "#include <gst/gst.h>\n#  include <sys/socket.h>\n"}),
            [
                "lib/high/high.h:1: lib/high may not use GStreamer: gst/gst.h",
                "lib/high/high.h:2: lib/high may not use system: sys/socket.h",
            ],
        )

    def test_is_of_a_part_with_a_row_of_its_own(self):
        self.assertEqual(
            self.problems(**{"gst/element.cpp": '#include "odd.h"\n'}),
            ["gst/element.cpp:1: gst may not include lib/high/odd.h"],
        )

    def test_is_of_a_header_that_is_not_there(self):
        self.assertEqual(
            self.problems(**{"lib/high/high.h": '#include "gone.h"\n'}),
            ["lib/high/high.h:1: there is no header gone.h"],
        )

    def test_is_in_a_folder_without_a_row(self):
        self.assertEqual(self.problems(**{"lib/new/new.h": ""}), ["lib/new/new.h: no row of the table is about it"])

    def test_is_allowed_by_a_table_that_is_out_of_date(self):
        table = TABLE.replace("`lib/high` | GStreamer", "`lib/higher` | Gtk").replace("odd.h", "old.h")
        self.assertEqual(
            self.problems(table, **{"gst/element.cpp": ""}),
            [
                "the table: there is no lib/high/old.h",
                "the table: gst may include lib/higher, which has no row",
                "the table: gst may use Gtk, which layers.py does not know",
            ],
        )
        self.assertIn("there is no table", self.problems(""))


if __name__ == "__main__":
    unittest.main()
