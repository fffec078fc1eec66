# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the documentation says of the Python package is so: every name is there, every exception, every example, and the
slots that an idle appsink holds are those that were measured."""

import builtins
import inspect
import os
import re
import subprocess
import sys
import tempfile
import unittest

import environment
import snippets
from pages import SOURCE, all_pages, code_of, page

BUILD = os.environ["DOCS_BUILD"]
CLASSES = (
    "Subscriber",
    "Frame",
    "Plane",
    "Group",
    "Batch",
    "Publisher",
    "Slot",
    "PacketSubscriber",
    "Packet",
    "PacketPublisher",
)


def names_in(cell):
    return {name.removesuffix("()") for name in re.findall(r"`(\w+(?:\(\))?)`", cell)}


def defined_in(module):
    """Public functions of a Python source, read without importing it."""
    text = (SOURCE / "lib/python/cuframes" / module).read_text()
    return set(re.search(r"__all__ = \[(.*?)\]", text, re.DOTALL).group(1).replace('"', "").replace(",", " ").split())


@unittest.skipUnless(environment.has_package(BUILD), "the Python package was not built")
class ReferenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.package = snippets.package_of(BUILD)
        cls.page = page("docs/reference/python.md")

    def listed(self, heading, table=0, column=0):
        rows = self.page.tables(heading)[table]
        return set().union(*(names_in(row[column]) for row in rows))

    def test_every_public_name(self):
        said = set(re.findall(r"`(\w+)(?:\(\))?`", self.page.prose))
        self.assertEqual(set(self.package.__all__) - said, set())

    def test_functions(self):
        public = {name: getattr(self.package, name) for name in self.package.__all__}
        functions = {name for name, thing in public.items() if callable(thing) and not inspect.isclass(thing)}
        # list() is left out of what `import *` brings.
        self.assertEqual(self.listed("Functions"), functions | {"list"})

    def test_members(self):
        base = snippets.members(self.package.PlanarFrame)
        for name in CLASSES:
            own = snippets.members(getattr(self.package, name)) - (base if name == "Slot" else set())
            self.assertEqual(self.listed(name), own, name)
        shared = re.search(r"It has (.*?) as a `Frame` has them", self.page.prose, re.DOTALL).group(1)
        self.assertEqual(names_in(shared), base)

    def test_what_is_called_is_a_method(self):
        for name in CLASSES:
            for row in self.page.tables(name)[0]:
                for word in re.findall(r"`(\w+)\(\)`", row[0]):
                    self.assertTrue(callable(getattr(getattr(self.package, name), word)), f"{name}.{word}")

    def test_exceptions(self):
        rows = {code_of(row[0]): row for row in self.page.tables("Exceptions")[0]}
        errors = self.package.errors
        own = {name for name in errors.__all__ if getattr(errors, name).__name__ == name}
        self.assertEqual(set(rows), own)
        for name, (_, base, old, _) in rows.items():
            cls = getattr(errors, name)
            if base:
                kind = getattr(errors, code_of(base), None) or getattr(builtins, code_of(base))
                self.assertTrue(issubclass(cls, kind), name)
            aliases = {alias for alias in errors.__all__ if alias != name and getattr(errors, alias) is cls}
            self.assertEqual(names_in(old), aliases, name)
            self.assertTrue(all(hasattr(self.package, word) for word in {name} | aliases), name)

    def test_gst(self):
        self.assertEqual(self.listed("cuframes.gst"), defined_in("gst.py"))

    def test_packets(self):
        decoder = snippets.members(self.package.packets.Decoder) - {"context"}
        self.assertEqual(self.listed("cuframes.packets", column=0), set(self.package.packets.__all__))
        self.assertTrue(decoder <= set(re.findall(r"`(\w+)\(\)`", self.page.prose)))


class ExamplesTest(unittest.TestCase):
    def test_every_example_is_linked(self):
        linked = {a_page.path_of(link) for a_page in all_pages() for link in a_page.links()}
        examples = set((SOURCE / "examples/python").glob("*.py"))
        self.assertEqual(examples - linked, set())
        self.assertGreater(len(examples), 6)


class PinnedSlotsTest(unittest.TestCase):
    def test_an_idle_appsink_holds_what_the_page_says(self):
        env = environment.make(BUILD, gpu=False)
        if environment.output_of([sys.executable, "-c", "import cuframes.gst"], env) is None:
            self.skipTest("cuframes.gst cannot be used here")
        with tempfile.TemporaryDirectory(prefix="docs-") as folder:
            done = subprocess.run(
                [sys.executable, SOURCE / "tests/bench/pinned_slots.py"],
                env={**env, "TMPDIR": folder},
                capture_output=True,
                text=True,
                timeout=120,
            )
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = [line for line in done.stdout.splitlines() if line.startswith("| `")]
        table = page("docs/howto/tensors-in-pipelines.md").tables("How many slots an appsink holds")[0]
        self.assertEqual(["| " + " | ".join(row) + " |" for row in table], measured)


if __name__ == "__main__":
    unittest.main(verbosity=2)
