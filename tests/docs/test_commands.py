# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command and Python program in the documentation works as it is printed there, or, where it needs what is not
here, names elements, properties, options, classes, methods and arguments that exist."""

import os
import sys
import unittest

import environment
import snippets
from commands import Reader
from pages import all_pages
from session import Session

BUILD = os.environ["DOCS_BUILD"]


class CommandsTest(unittest.TestCase):
    def check(self, page):
        reader = Reader(BUILD)
        problems = [
            f"{page}:{block.line}: {problem}"
            for block in page.blocks
            if block.language in ("sh", "console") and (block.language == "console" or block.words)
            for problem in reader.problems(block)
        ]
        if environment.has_package(BUILD):
            reader = snippets.Reader(BUILD)
            for block in page.blocks:
                if block.language == "python" and not block.value("file"):
                    found = reader.problems(page.program_of(block))
                    problems += [f"{page}:{block.line}: {problem}" for problem in found]
        self.assertEqual(problems, [])
        session = Session(page, BUILD)
        session.run()
        for block, missing in session.not_run:
            print(f"{page}:{block.line}: read only, needs {' and '.join(missing)}", file=sys.stderr)


def add_tests():
    for page in all_pages():
        if any(block.language in ("sh", "console", "python") for block in page.blocks):
            name = "test_" + str(page).removesuffix(".md").replace("/", "_").replace("-", "_")
            setattr(CommandsTest, name, lambda self, page=page: self.check(page))


add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
