# SPDX-License-Identifier: LGPL-2.1-or-later
"""The site of the documentation (./dev docs) has every page, and leads nowhere else than a page. mkdocs itself, which says
the same and more, is fetched for that alone and not here."""

import pathlib
import re
import sys
import unittest

import facts
from pages import SOURCE

sys.path.insert(0, str(SOURCE / "utils/dev/site"))

import c_reference  # noqa: E402
import links  # noqa: E402

HEADER = SOURCE / "lib/cuframes/include/cuframes/cuframes.h"
# What is in the site and not in docs/: made from code when it is built.
GENERATED = {"reference/cuframes-h.md", "python/index.html", "cuframes-gst/index.html"}


def navigation():
    """The pages that mkdocs.yml names, in order."""
    text = (SOURCE / "mkdocs.yml").read_text()
    return re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.(?:md|html))$", text[text.index("\nnav:") :], re.MULTILINE)


def pages_of_docs():
    return {str(path.relative_to(SOURCE / "docs")) for path in (SOURCE / "docs").rglob("*.md")}


def dead_links(site, uri):
    """Links of a page of the site, {uri: text}, that lead to none of its pages."""
    for target in links.LINK.findall(site[uri]):
        name = target.partition("#")[0]
        if name and not re.match(r"[a-z]+:", name):
            path = pathlib.PurePosixPath(pathlib.Path("/", uri).parent / name)
            if str(pathlib.Path(path).resolve()).lstrip("/") not in site:
                yield f"{uri}: {target}"


class SiteTest(unittest.TestCase):
    def test_every_page_is_in_the_navigation_once(self):
        named = navigation()
        self.assertEqual(pages_of_docs() - set(named), set())
        self.assertEqual(set(named) - pages_of_docs(), GENERATED)
        self.assertEqual(sorted(named), sorted(set(named)))

    def test_the_overview_lists_what_the_navigation_has(self):
        overview = re.findall(
            r"\]\(((?:tutorial|howto|explanation|reference)/[^)#]+)\)", (SOURCE / "docs/README.md").read_text()
        )
        named = [uri for uri in navigation() if uri not in GENERATED]
        self.assertEqual(overview, [uri for uri in named if not re.match("README|decisions", uri)])

    def test_links_lead_to_pages_of_the_site(self):
        site = {uri: links.for_site(SOURCE, (SOURCE / "docs" / uri).read_text(), uri) for uri in pages_of_docs()}
        foreign = [path for path in links.foreign_files(SOURCE) if path.suffix == ".md" or path.name == "read.py"]
        self.assertGreaterEqual(len(foreign), 2)
        others = {str(path.relative_to(SOURCE / "docs")) for path in (SOURCE / "docs").rglob("*.*")} - set(site)
        site |= dict.fromkeys(GENERATED | others, "")
        for path in links.foreign_files(SOURCE):
            uri = links.uri_of(SOURCE, path)
            site[uri] = links.for_site(SOURCE, links.page_of(SOURCE, path), uri)
        self.assertEqual([dead for uri in sorted(site) for dead in dead_links(site, uri)], [])
        self.assertEqual(list(dead_links({"a/b.md": "[x](../c.md) [y](c.md)", "c.md": ""}, "a/b.md")), ["a/b.md: c.md"])

    def test_fences_say_a_language_and_links_in_them_stay(self):
        text = "[a](../../LICENSE)\n```sh needs-gpu\n[a](../../LICENSE)\n```\n"
        self.assertEqual(
            links.for_site(SOURCE, text, "howto/build.md"),
            "[a](../source/LICENSE.md)\n```sh\n[a](../../LICENSE)\n```\n",
        )

    def test_every_name_of_the_header_is_in_the_reference(self):
        text = c_reference.page(HEADER)
        headings = set(re.findall(r"\w+", " ".join(re.findall(r"^### (.*)$", text, re.MULTILINE))))
        self.assertEqual(set(facts.header_functions()) - headings, set())
        for line in HEADER.read_text().splitlines():
            if (name := re.match(r"typedef (?:struct|enum) (\w+) \{", line)) is not None:
                self.assertIn(name[1], headings)
        self.assertIn("Zeroes a struct and sets its size", text)
        self.assertNotIn("#pragma", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
