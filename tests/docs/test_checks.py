# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checks of the documentation find what they are there for: each is given something wrong."""

import os
import unittest
import unittest.mock

import environment
import facts
import snippets
from commands import Reader
from pages import SOURCE, Page, page
from session import CommandFailed, Session, missing_line
from test_facts import link_problems, property_problems

BUILD = os.environ["DOCS_BUILD"]


def a_page(*lines):
    return Page(SOURCE / "docs" / "made-up.md", "\n".join(lines) + "\n")


class SessionTest(unittest.TestCase):
    def run_page(self, *lines):
        Session(a_page(*lines), BUILD).run()

    def assert_fails(self, *lines, why):
        with self.assertRaisesRegex(CommandFailed, why):
            self.run_page(*lines)

    def test_good_commands_pass(self):
        self.run_page("```sh", "./dev run echo a 17 b", "```", "```text output", "a … b", "```")
        self.run_page("```sh fails", "false", "```")
        self.run_page("```sh needs-camera", "false", "```", "```sh no-run", "false", "```")
        self.run_page("```c file=x.h", "int x;", "```", "```sh", "grep int x.h", "```")

    def test_python_programs_run(self):
        self.run_page("```python", "print(6 * 7)", "```", "```text output", "42", "```")
        self.run_page("```python", "answer = 6", "```", "```python continues", "assert answer == 6", "```")
        self.assert_fails("```python", "assert 6 * 9 == 42", "```", why="exit code is 1")
        self.assert_fails("```python", "a = 1", "```", "```python", "print(a)", "```", why="NameError")

    def test_python_programs_have_a_camera(self):
        self.run_page(
            "```python",
            "import cuframes",
            'with cuframes.subscribe("made-up") as subscriber:',
            "    print(subscriber.next_frame())",
            "```",
            "```text output",
            "NV12 640x360 cpu",
            "```",
        )

    def test_failing_command(self):
        self.assert_fails("```sh", "false", "true", "```", why="exit code is 1")

    def test_command_that_should_fail(self):
        self.assert_fails("```sh fails", "true", "```", why="exit code is 0")

    def test_missing_output(self):
        self.assert_fails("```sh", "echo a", "```", "```text output", "b", "```", why="no 'b'")

    def test_missing_output_of_a_background_command(self):
        with unittest.mock.patch("session.SECONDS", 0.5):
            self.assert_fails("```sh background", "echo a", "```", "```text output", "a", "b", "```", why="no 'b'")

    def test_command_that_does_not_end(self):
        with unittest.mock.patch("session.SECONDS", 0.5):
            self.assert_fails("```sh", "sleep 1000", "```", why="did not end")

    def test_background_commands_end_with_the_page(self):
        folder = os.environ.get("TMPDIR", "/tmp")
        pid_file = f"{folder}/docs-background-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(pid_file) and os.unlink(pid_file))
        deaf = f"(trap '' INT; echo $$ $BASHPID >{pid_file}; exec sleep 1000)"
        self.run_page(
            "```sh background", f"{deaf} & wait", "```", "```sh", f"until [ -s {pid_file} ]; do sleep 0.01; done", "```"
        )
        with open(pid_file) as file:
            folders = [f"/proc/{pid}" for pid in file.read().split()]
        self.assertEqual(len(folders), 2)
        environment.until(lambda: not any(map(os.path.exists, folders)), 10)
        self.assertEqual(list(filter(os.path.exists, folders)), [])

    def test_output_is_compared_in_order(self):
        self.assertIsNone(missing_line("a\nb", "x a\nb"))
        self.assertEqual(missing_line("b\na", "a\nb"), "a")


class ReaderTest(unittest.TestCase):
    def problems(self, line, fence="sh needs-gpu"):
        return Reader(BUILD).problems(a_page(f"```{fence}", line, "```").blocks[0])

    def test_good_ones(self):
        self.assertEqual(
            self.problems(
                "./dev run gst-launch-1.0 -q videotestsrc is-live=true ! video/x-raw,format=NV12"
                " ! cuframessink key=a slots=4 2>&1 | grep x"
            ),
            [],
        )
        self.assertEqual(self.problems("$ gst-launch-1.0 cuframessrc key=a ! fakesink", fence="console"), [])
        self.assertEqual(
            self.problems(
                "gst-launch-1.0 tee name=t ! fakesink sync=true t. ! queue ! fakesink cuframessrc key=a ! t."
            ),
            [],
        )
        self.assertEqual(self.problems("meson setup build -Dtests=false"), [])

    def test_unknown_element(self):
        self.assertEqual(self.problems("gst-launch-1.0 cuframe ! fakesink"), ["there is no element 'cuframe'"])

    def test_unknown_property_in_another_branch(self):
        self.assertEqual(
            self.problems("gst-launch-1.0 tee name=t ! fakesink sync=true cuframessrc kay=a ! t."),
            ["cuframessrc has no property kay"],
        )

    def test_unknown_property(self):
        self.assertEqual(self.problems("gst-launch-1.0 cuframessrc k=a ! fakesink"), ["cuframessrc has no property k"])

    def test_unknown_verb_option_and_file(self):
        self.assertEqual(self.problems("./dev walk"), ["./dev has no verb walk"])
        self.assertEqual(self.problems("./dev test unites"), ["there is no suite unites"])
        self.assertEqual(self.problems("meson setup build -Drust=true"), ["there is no Meson option rust"])
        self.assertEqual(self.problems("python3 tests/bench/benches.py"), ["there is no tests/bench/benches.py"])


@unittest.skipUnless(environment.has_package(BUILD), "the Python package was not built")
class SnippetsTest(unittest.TestCase):
    def problems(self, *lines):
        return snippets.Reader(BUILD).problems("\n".join(lines))

    def test_good_ones(self):
        self.assertEqual(
            self.problems(
                "import cuframes",
                'subscriber = cuframes.subscribe("a", max_held=3)',
                "frame = subscriber.next_frame(timeout_ms=5)",
                "frame.planes[0].anything",
                "slot.pts = 3",
                "from cuframes import Frame, errors",
                "errors.Closed",
            ),
            [],
        )

    def test_what_does_not_exist(self):
        self.assertCountEqual(
            self.problems(
                "import cuframes",
                "cuframes.subscribe(held=3)",
                "cuframes.open()",
                "frame.rows",
                "frame.copy(to=1)",
                "from cuframes import Film",
            ),
            [
                "cuframes has no open",
                "frame has no rows",
                "cuframes.subscribe() has no held",
                "frame.copy() has no to",
                "cuframes has no Film",
            ],
        )

    def test_what_is_no_program(self):
        self.assertIn("line 1", self.problems("for frame in")[0])


class FactsTest(unittest.TestCase):
    def test_links(self):
        wrong = a_page("# A b", "[1](README.md) [2](nowhere.md) [3](#a-b) [4](#c) [5](README.md#none) [6](https://x.y)")
        self.assertEqual(
            [problem.split(": ", 1)[1] for problem in link_problems(wrong)],
            ["nowhere.md leads nowhere", "#c: there is no such heading", "README.md#none: there is no such heading"],
        )

    def test_properties(self):
        element = facts.Element("cuframessrc", BUILD)
        own = {name: element.properties[name] for name in ("key", "max-held", "mode")}
        rows = [["`key`", "string", "null", ""], ["`max-held`", "uint, 1 to 32", "3", ""], ["`more`", "int", "0", ""]]
        self.assertEqual(
            property_problems(element, own, rows),
            [
                "max-held: the default is '0', not '3'",
                "max-held: the type is 'uint, 0 to 64', not 'uint, 1 to 32'",
                "mode is not in the table",
                "there is no property more",
            ],
        )

    def test_protocol(self):
        self.assertEqual(
            facts.layout_of({"Hello": ["mode", "name"]}),
            {("Hello", "mode"): 16, ("Hello", "name"): 40, ("Hello", None): 120},
        )
        with self.assertRaisesRegex(AssertionError, "no member named"):
            facts.layout_of({"Hello": ["nickname"]})

    def test_what_is_compared_is_not_empty(self):
        self.assertGreater(len(facts.header_errors()), 20)
        self.assertGreater(len(facts.header_functions()), 30)
        self.assertGreater(len(facts.gst_header_functions()), 20)
        self.assertIn("CUFRAMES_DIR", facts.environment_variables())
        self.assertIn("cuframessink", facts.debug_categories())
        self.assertIn("publisher_waits", facts.struct_fields("StreamWords"))
        self.assertTrue(page("docs/reference/protocol.md").tables("Hello")[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
