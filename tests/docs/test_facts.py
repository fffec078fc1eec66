# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the documentation says is so: links lead somewhere, and tables agree with elements, headers and sources."""

import os
import re
import unittest

import facts
from commands import meson_options
from pages import SOURCE, all_pages, code_of, page

BUILD = os.environ["DOCS_BUILD"]


class LinksTest(unittest.TestCase):
    def test_every_link_leads_to_a_file_and_heading(self):
        problems = [problem for a_page in all_pages() for problem in link_problems(a_page)]
        self.assertEqual(problems, [])

    def test_every_page_can_be_reached_from_the_readme(self):
        reached, waiting = set(), [SOURCE / "README.md"]
        while waiting:
            path = waiting.pop()
            if path in reached or path.suffix != ".md":
                continue
            reached.add(path)
            waiting += map(page(path).path_of, page(path).links())
        self.assertEqual({str(p) for p in all_pages() if p.path not in reached} - {"CHANGELOG.md"}, set())

    def test_names_of_the_library_exist(self):
        known = facts.header_words() | facts.environment_variables() | facts.metrics() | {"CUFRAMES_BUILD"}
        named = {
            (str(a_page), name)
            for a_page in all_pages()
            for words in a_page.code_words()
            for name in re.findall(r"(?<![\w/$.])(?:cuframes|CUFRAMES)_\w+(?!\.\w)", words)
        }
        self.assertEqual({(where, name) for where, name in named if name not in known}, set())


def link_problems(a_page):
    for link in a_page.links():
        target, anchor = a_page.path_of(link), link.partition("#")[2]
        if target != a_page.path and not target.exists():
            yield f"{a_page}: {link} leads nowhere"
        elif anchor and anchor not in (a_page if target == a_page.path else page(target)).anchors():
            yield f"{a_page}: {link}: there is no such heading"


class ElementsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = page("docs/reference/elements.md")
        # What these have too, GStreamer documents: it is its base classes'.
        cls.bases = {"cuframessink": "fakesink", "cuframessrc": "fakesrc"}

    def element(self, name):
        return facts.Element(name, BUILD)

    def test_properties(self):
        for name, base in self.bases.items():
            element = self.element(name)
            own = element.own_properties(facts.Element(base, BUILD))
            rows = self.page.tables(f"Properties of {name}")[0]
            self.assertEqual(property_problems(element, own, rows), [], name)

    def test_statistics(self):
        for name in self.bases:
            tables = self.page.tables(f"Statistics of {name}")
            self.assertEqual([code_of(row[0]) for row in tables[0]], self.element(name).stats_fields(), name)
        readers = self.page.tables("Statistics of cuframessink")[1]
        self.assertEqual([code_of(row[0]) for row in readers], facts.subscriber_fields())

    def test_signals(self):
        rows = self.page.tables("Signals of cuframessink")[0]
        self.assertEqual({code_of(row[0]) for row in rows}, set(self.element("cuframessink").signals()))

    def test_message(self):
        rows = self.page.tables("Message cuframes-publisher")[0]
        self.assertEqual([code_of(row[0]) for row in rows], facts.publisher_message_fields())


def property_problems(element, own, rows):
    """Differences between a table of properties and the element's own ones."""
    listed = {code_of(name): (kind, default, meaning) for name, kind, default, meaning in rows}
    problems = [f"{name} is not in the table" for name in own.keys() - listed.keys()]
    problems += [f"there is no property {name}" for name in listed.keys() - own.keys()]
    for name in own.keys() & listed.keys():
        kind, default, meaning = listed[name]
        for what, said, real in (("type", kind, element.type(name)), ("default", default, element.default(name))):
            if said != real:
                problems.append(f"{name}: the {what} is '{real}', not '{said}'")
        if ("read-only" in meaning) != element.is_read_only(name):
            problems.append(f"{name}: it is {'' if element.is_read_only(name) else 'not '}read-only")
    return sorted(problems)


# Of each struct by whom it is handed on, as which variable, and what they leave out or tell in another way.
STATISTICS = {
    "cuframes_publisher_stats": {
        ("gst/shared/stats.cpp", "now"): {"subscribers"},
        ("lib/python/native/writer.cpp", "stats"): set(),
        ("lib/tools/facts/metrics.cpp", "stats"): {"epoch", "last_sequence"},
        ("lib/tools/facts/ring_json.cpp", "stats"): {"subscribers"},
        ("tests/harness/answers.cpp", "publisher"): {"slots", "memory"},
    },
    "cuframes_subscriber_stats": {
        ("gst/shared/stats.cpp", "now"): set(),
        ("lib/python/native/reader.cpp", "stats"): set(),
        ("tests/harness/answers.cpp", "subscriber"): set(),
    },
    "cuframes_subscriber_info": {
        ("gst/shared/stats.cpp", "who"): {"id"},
        ("lib/python/native/writer.cpp", "info"): set(),
        ("lib/tools/facts/reader_totals.cpp", "reader"): {"pid", "mode"},
        ("lib/tools/facts/ring_json.cpp", "reader"): set(),
    },
}

FRAME = {
    "cuframes_frame_info": {
        ("lib/cuframes/protocol/frame_record.h", "info"): {"metadata", "metadata_size"},
        ("tests/harness/publisher_role.cpp", "info"): set(),
    },
    "SlotRecord": {("lib/cuframes/protocol/frame_record.h", "record"): {"sequence", "metadata_size"}},
    "cuframes_frame_view": {
        ("lib/python/native/frame.cpp", r"view(?:_|\(\))"): {"geometry", "offset", "offset_end"}
        | {"latency", "spare", "fd", "fd_offset"},
    },
}


class LibraryTest(unittest.TestCase):
    def test_every_error_has_cause_and_cure(self):
        rows = page("docs/howto/see-what-happens.md").tables("Errors")[0]
        self.assertEqual({code_of(row[0]) for row in rows}, facts.header_errors())
        self.assertEqual([row[0] for row in rows if len(row) != 3 or not all(row)], [])

    def test_every_statistic_is_passed_on(self):
        self.check_passed_on(STATISTICS)

    def test_every_field_of_a_frame_is_passed_on(self):
        self.check_passed_on(FRAME)

    def check_passed_on(self, structs):
        for struct, hands in structs.items():
            for (path, variable), left_out in hands.items():
                fields = set(facts.struct_fields(struct)) - {"struct_size", "reserved"} - left_out
                self.assertEqual(fields - facts.members_of(variable, path), set(), f"{struct} in {path}")

    def test_every_function_is_in_the_guide(self):
        guide = page("docs/reference/c-api.md")
        named = set(re.findall(r"`(cuframes_\w+)\(\)`", guide.prose))
        self.assertEqual(named, facts.header_functions())

    def test_every_function_of_cuframes_gst_is_in_its_guide(self):
        guide = page("docs/reference/cuframes-gst.md")
        self.assertEqual(set(re.findall(r"`(cuframes_gst_\w+)\(\)`", guide.prose)), facts.gst_header_functions())

    def test_environment_variables(self):
        prose = page("docs/reference/environment.md")
        listed = {
            code_of(row[0])
            for heading in ("Of the library and the elements", "Of ./dev")
            for row in prose.tables(heading)[0]
        }
        self.assertEqual(listed, facts.environment_variables())

    def test_debug_categories(self):
        rows = page("docs/howto/see-what-happens.md").tables("Logs")[0]
        self.assertEqual({code_of(row[0]) for row in rows}, facts.debug_categories())

    def test_meson_options(self):
        rows = page("docs/howto/build.md").tables("With Meson alone")[0]
        self.assertEqual({code_of(row[0]): row[1] for row in rows}, meson_options())


class ProtocolTest(unittest.TestCase):
    STRUCTS = (
        "MessageHeader",
        "Hello",
        "Welcome",
        "Refused",
        "Generation",
        "Chunk",
        "Want",
        "Granted",
        "Need",
        "Ended",
        "Inspect",
        "Inspection",
        "ReportPart",
        "ReportFacts",
        "FrameWish",
        "ControlHeader",
        "StreamWords",
        "FramesHeader",
        "FrameWords",
        "SlotRecord",
        "PacketsHeader",
        "PacketWords",
        "PacketEntry",
        "CapsEntry",
        "Geometry",
        "Plane",
        "ReaderPage",
        "LeasePage",
    )

    def setUp(self):
        self.page = page("docs/reference/protocol.md")

    def rows(self, struct):
        return [(int(row[0]), code_of(row[1]), row[2]) for row in self.page.tables(struct)[0]]

    def test_fields_are_all_there_in_order(self):
        for struct in self.STRUCTS:
            self.assertEqual([field for _, field, _ in self.rows(struct)], facts.struct_fields(struct), struct)

    def test_no_message_is_left_out(self):
        messages, without_struct = facts.messages()
        self.assertEqual(without_struct, {})
        self.assertEqual({struct for struct, (_, more) in messages.items() if more} - set(self.STRUCTS), set())
        self.assertEqual(
            [struct for struct in messages if not re.search(rf"^#+ .*\b{struct}\b", self.page.prose, re.M)], []
        )
        types = next(row[3] for row in self.page.tables("MessageHeader")[0] if code_of(row[1]) == "type")
        said = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", types)}
        self.assertEqual(said, {struct.lower(): number for struct, (number, _) in messages.items()})

    def test_offsets(self):
        layout = facts.layout_of({struct: [field for _, field, _ in self.rows(struct)] for struct in self.STRUCTS})
        for struct in self.STRUCTS:
            said = {field: offset for offset, field, _ in self.rows(struct)}
            self.assertEqual(said, {field: layout[struct, field] for field in said}, struct)

    def test_versions(self):
        text = (facts.CORE / "protocol/layout.h").read_text()
        version = re.search(r"protocol_version = (\d+)", text).group(1)
        self.assertIn(f"The protocol version is **{version}**", self.page.prose)


if __name__ == "__main__":
    unittest.main(verbosity=2)
