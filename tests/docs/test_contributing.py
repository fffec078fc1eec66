# SPDX-License-Identifier: LGPL-2.1-or-later
"""What CONTRIBUTING.md tells people to open is there: every path exists, and every test that it says will remind them."""

import functools
import re
import unittest

from commands import OUR_PATH
from pages import SOURCE, page


@functools.cache
def sources_of_tests():
    paths = (path for path in (SOURCE / "tests").rglob("*") if path.suffix in {".py", ".cpp"})
    return {path: path.read_text() for path in paths}


def recipes(text):
    """{title: body} of the sections below `Recipes`."""
    chapter = re.search(r"^## Recipes$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    title, *rest = re.split(r"^### (.*)$", chapter, flags=re.MULTILINE)[1:] or [""]
    return dict(zip([title, *rest[1::2]], rest[::2]))


def missing_paths(text):
    """Those in code quotes that begin with one of our folders, and are not there."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return [path for path in quoted if OUR_PATH.fullmatch(path) and not (SOURCE / path).exists()]


def missing_tests(body):
    """Those that a recipe says will remind: each is defined in the file that is named after it, or there is no such."""
    missing = []
    said = body[body.find("Reminded by ") :].replace("\n", " ")
    for names, path in re.findall(r"((?:`\w+`[^`(]*)+)\(`([^`]+)`\)", said):
        text = sources_of_tests().get(SOURCE / path, "")
        missing += [f"{name} in {path}" for name in re.findall(r"`(\w+)`", names) if not defines(text, name)]
    return missing


def defines(text, name):
    return re.search(rf"\bdef {name}\(|\bTEST(_[PF])?\(\w+, {name}\)|\bclass {name}\b", text) is not None


class ContributingTest(unittest.TestCase):
    def setUp(self):
        self.page = page("CONTRIBUTING.md")
        self.recipes = recipes(self.page.text)

    def test_every_path_exists(self):
        self.assertEqual(missing_paths(self.page.text), [])

    def test_every_test_that_reminds_exists(self):
        self.assertEqual([name for body in self.recipes.values() for name in missing_tests(body)], [])

    def test_every_recipe_has_files_in_order_and_says_what_reminds(self):
        self.assertGreaterEqual(len(self.recipes), 8)
        for title, body in self.recipes.items():
            with self.subTest(title):
                steps = re.findall(r"^(\d+)\. ", body, re.MULTILINE)
                self.assertEqual(steps, [str(number) for number in range(1, len(steps) + 1)])
                self.assertGreaterEqual(len(steps), 3)
                self.assertRegex(body, r"(?m)^Reminded by ")


class ChecksTest(unittest.TestCase):
    """Shows that the tests above can fail."""

    def test_a_path_that_is_not_there(self):
        self.assertEqual(missing_paths("`lib/base`, `lib/gone.h` and `a/b`"), ["lib/gone.h"])

    def test_a_test_that_is_not_there(self):
        body = (
            "1. `docs`\n\nReminded by `test_properties` (`tests/docs/test_facts.py`) and `test_gone`\n"
            "or `test_links` (`tests/docs/test_facts.py`)"
        )
        self.assertEqual(
            missing_tests(body), ["test_gone in tests/docs/test_facts.py", "test_links in tests/docs/test_facts.py"]
        )

    def test_recipes_are_found(self):
        text = "## Recipes\nTo\n### One\n1. a\n### Two\nb\n## Style\n### Three\n"
        self.assertEqual(recipes(text), {"One": "\n1. a\n", "Two": "\nb\n"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
