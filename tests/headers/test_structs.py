# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every struct of cuframes.h can grow, by the rule at the top of the header, or says that it is a value and never does."""

import pathlib
import re
import sys
import unittest

HEADER = pathlib.Path(sys.argv.pop(1))

STRUCT = re.compile(
    r"(?P<comment>(?:/\*\*(?:(?!\*/).)*\*/\n)?)typedef struct (?P<name>\w+) \{\n(?P<body>.*?)^\} (?P=name);",
    re.DOTALL | re.MULTILINE,
)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


class Struct:
    def __init__(self, match):
        self.name = match["name"]
        self.is_value = bool(re.search(r"\bA\s+(?:\*\s+)?value\.", match["comment"]))
        self.members = [" ".join(one.split()) for one in without_comments(match["body"]).split(";") if one.strip()]

    def holds(self, other):
        """Whether one of `other`, or an array of them, lies in it."""
        return any(re.match(rf"(const )?(struct )?{other} \w", member) for member in self.members)


def structs_of(text):
    return [Struct(match) for match in STRUCT.finditer(text)]


def wrong(structs):
    """What breaks the rule, in words."""
    found = [
        f"{one.name} neither begins with struct_size nor is said to be a value"
        for one in structs
        if not one.is_value and one.members[0] != "uint32_t struct_size"
    ]
    found += [
        f"{one.name} is a value with a struct_size" for one in structs if one.is_value and "size" in one.members[0]
    ]
    return found + [
        f"{one.name} holds a {other.name}, which can grow"
        for one in structs
        for other in structs
        if not other.is_value and one.holds(other.name)
    ]


class StructsTest(unittest.TestCase):
    def setUp(self):
        self.text = HEADER.read_text()

    def test_every_struct_can_grow_or_is_a_value(self):
        self.assertEqual(wrong(structs_of(self.text)), [])

    def test_no_struct_is_overlooked(self):
        defined = set(re.findall(r"^\s*(?:typedef )?struct (\w+) ?\{", without_comments(self.text), re.MULTILINE))
        self.assertEqual({one.name for one in structs_of(self.text)}, defined)
        self.assertGreater(len(defined), 8)

    def test_breaking_the_rule_is_noticed(self):
        text = "typedef struct a {\n    uint32_t struct_size;\n    int x;\n} a;\n"
        for addition in (
            "typedef struct b {\n    int x;\n} b;\n",
            "typedef struct c {\n    uint32_t struct_size;\n    a inner;\n} c;\n",
            "typedef struct d {\n    uint32_t struct_size;\n    const a inner[4];\n} d;\n",
        ):
            self.assertEqual(wrong(structs_of(text)), [])
            self.assertNotEqual(wrong(structs_of(text + addition)), [], addition)


if __name__ == "__main__":
    unittest.main(verbosity=2)
