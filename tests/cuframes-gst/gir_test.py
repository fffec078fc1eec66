#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The introspection data of libcuframes-gst says all there is to know: every public name has a text and the version that
brought it, every parameter and every value is explained, and enumerations have a GType.

gir_test.py GIR LIBRARY
"""

import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

CORE = "{http://www.gtk.org/introspection/core/1.0}"
C = "{http://www.gtk.org/introspection/c/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"

CALLABLES = {CORE + kind for kind in ("function", "method", "constructor", "function-inline", "method-inline")}
ENUMERATIONS = {CORE + "enumeration", CORE + "bitfield"}
SYMBOLS = (
    CALLABLES | ENUMERATIONS | {CORE + kind for kind in ("record", "class", "constant", "alias", "callback", "union")}
)


def name_of(symbol):
    return symbol.get(C + "identifier") or symbol.get(C + "type") or symbol.get("name")


def text_of(element):
    return " ".join((element.findtext(CORE + "doc") or "").split())


class GirTest(unittest.TestCase):
    gir = library = ""

    @classmethod
    def setUpClass(cls):
        cls.namespace = ElementTree.parse(cls.gir).getroot().find(CORE + "namespace")
        # A method of a type that is also a function of the namespace is there twice, moved away once.
        cls.symbols = [
            symbol for symbol in cls.namespace.iter() if symbol.tag in SYMBOLS and not symbol.get("moved-to")
        ]

    def of_kind(self, tags, at_least):
        found = [symbol for symbol in self.symbols if symbol.tag in tags]
        self.assertGreaterEqual(len(found), at_least)
        return found

    def test_every_symbol_has_a_text(self):
        short = [name_of(symbol) for symbol in self.symbols if len(text_of(symbol)) < 15]
        self.assertGreater(len(self.symbols), 30)
        self.assertEqual(short, [])

    def test_every_symbol_has_the_version_that_brought_it(self):
        without = [
            name_of(symbol) for symbol in self.symbols if not re.fullmatch(r"\d+\.\d+", symbol.get("version") or "")
        ]
        self.assertEqual(without, [])

    def test_every_parameter_and_result_is_explained(self):
        silent = []
        for symbol in self.of_kind(CALLABLES, 20):
            for parameter in symbol.iterfind(f"{CORE}parameters/*"):
                if not text_of(parameter):
                    silent.append(f"{name_of(symbol)}({parameter.get('name')})")
            result = symbol.find(CORE + "return-value")
            if result.find(f"{CORE}type[@name='none']") is None and not text_of(result):
                silent.append(f"{name_of(symbol)} -> ")
        self.assertEqual(silent, [])

    def test_enumerations_have_a_gtype_and_explain_their_values(self):
        for symbol in self.of_kind(ENUMERATIONS, 3):
            with self.subTest(symbol.get("name")):
                self.assertTrue(symbol.get(GLIB + "get-type"))
                self.assertEqual(symbol.get(GLIB + "type-name"), symbol.get(C + "type"))
                members = symbol.findall(CORE + "member")
                self.assertGreaterEqual(len(members), 2)
                self.assertEqual([member.get("name") for member in members if not text_of(member)], [])
                self.assertEqual([member.get("name") for member in members if not member.get(GLIB + "nick")], [])

    def test_fields_are_explained(self):
        fields = [field for symbol in self.of_kind({CORE + "record"}, 2) for field in symbol.iterfind(CORE + "field")]
        self.assertGreater(len(fields), 5)
        self.assertEqual([field.get("name") for field in fields if not text_of(field)], [])

    def test_everything_that_the_library_exports_is_in_it(self):
        command = ["nm", "--dynamic", "--defined-only", "--format=posix", self.library]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        exported = {line.split()[0].split("@")[0] for line in listed.splitlines()}
        described = {symbol.get(C + "identifier") for symbol in self.symbols}
        described |= {symbol.get(GLIB + "get-type") for symbol in self.symbols}
        self.assertGreater(len(exported), 25)
        self.assertEqual(exported - described, set())


if __name__ == "__main__":
    GirTest.gir, GirTest.library = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
