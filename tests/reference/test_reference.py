# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./dev docs` makes a reference in which every public name can be looked up, and makes it without a warning."""

import html.parser
import importlib
import inspect
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["REFERENCE_BUILD"])
SOURCE = pathlib.Path(os.environ["REFERENCE_SOURCE"])


class Page(html.parser.HTMLParser):
    """A page's anchors, and those of its items that come with a description."""

    def __init__(self, path):
        super().__init__()
        self.anchors = set()
        self.described = set()
        self._item = None
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        classes = (values.get("class") or "").split()
        if tag in ("section", "div") and values.get("id") and ("attr" in classes or tag == "section"):
            self._item = values["id"]
        if tag == "div" and "docstring" in classes and self._item:
            self.described.add(self._item)
        if values.get("id"):
            self.anchors.add(values["id"])


def members(module):
    """Public names of a module, and those that its own classes define."""
    for name in module.__all__:
        value = getattr(module, name)
        yield name
        if inspect.isclass(value) and value.__name__ == name and value.__module__.startswith("cuframes"):
            yield from (f"{name}.{member}" for member in vars(value) if not member.startswith("_"))


class ReferenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-reference-"))
        cls.addClassCleanup(shutil.rmtree, cls.out)
        subprocess.run([SOURCE / "utils/dev/make-docs", BUILD, cls.out], check=True)

    def test_python_names(self):
        for name in ("cuframes", "cuframes.errors", "cuframes.gst"):
            module = importlib.import_module(name)
            page = Page(self.out / "python" / (name.replace(".", "/") + ".html"))
            names = set(members(module))
            self.assertGreater(len(names), 3, name)
            self.assertEqual(names - page.anchors, set(), name)

    def test_python_classes_and_functions_are_described(self):
        import cuframes

        page = Page(self.out / "python" / "cuframes.html")
        own = {name for name in cuframes.__all__ if not isinstance(getattr(cuframes, name), str)}
        # An alias has the description of what it stands for.
        own = {name for name in own if getattr(getattr(cuframes, name), "__name__", name) == name}
        self.assertGreater(len(own), 20)
        self.assertEqual(own - page.described, set())

    def test_c_functions(self):
        header = (SOURCE / "lib/cuframes-gst/include/cuframes-gst/cuframes-gst.h").read_text()
        functions = set(re.findall(r"^CUFRAMES_GST_API [^(;]*?\b(cuframes_gst_\w+)\(", header, re.MULTILINE))
        functions = {name for name in functions if not name.endswith("_get_type")}
        self.assertGreater(len(functions), 15)
        text = "".join(page.read_text() for page in (self.out / "cuframes-gst").glob("*.html"))
        self.assertEqual({name for name in functions if name not in text}, set())

    def test_there_is_a_way_in(self):
        for page in (
            "python/index.html",
            "python/cuframes.html",
            "cuframes-gst/index.html",
            "cuframes-gst/overview.html",
        ):
            self.assertTrue((self.out / page).is_file(), page)


if __name__ == "__main__":
    unittest.main(verbosity=2)
