# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands that cannot run here are read instead: elements, properties, verbs and options in them must exist."""

import re
import shlex

import environment
from pages import SOURCE

# Registered only where the real driver says what the GPU can decode and encode.
OF_THE_DRIVER = re.compile(r"nv\w+(dec|enc)")
OUR_PATH = re.compile(r"(tests|examples|docs|lib|gst|utils|subprojects)/[\w./-]+")
STOPS = {"|", ">", "2>&1", "&&", "&", ";", ">>"}


class Reader:
    """Finds what is wrong with commands; `build` is the tree whose elements count."""

    def __init__(self, build):
        self.build = build
        self.known = {}

    def problems(self, block):
        return [problem for line in lines_of(block) for problem in self._problems_in(words_of(line))]

    def _problems_in(self, words):
        if "gst-launch-1.0" in words:
            yield from self._pipeline_problems(words[words.index("gst-launch-1.0") + 1 :])
        if "gst-inspect-1.0" in words:
            names = [w for w in words[words.index("gst-inspect-1.0") + 1 :] if not w.startswith("-")]
            yield from (f"there is no element {name}" for name in names[:1] if self.properties(name) is None)
        if "./dev" in words:
            yield from dev_problems(words[words.index("./dev") + 1 :])
        if words[:2] == ["meson", "setup"]:
            given = [w[2:].split("=")[0] for w in words if w.startswith("-D")]
            yield from (f"there is no Meson option {name}" for name in given if name not in meson_options())
        for word in words:
            if OUR_PATH.fullmatch(word) and not (SOURCE / word).exists():
                yield f"there is no {word}"

    def _pipeline_problems(self, words):
        words = words[: next((i for i, word in enumerate(words) if word in STOPS), len(words))]
        while words and words[0].startswith("-"):
            words = words[1:]
        for name, *settings in elements_of(words):
            if "/" in name.split(",")[0] or name.endswith("."):
                continue  # caps, or an element named before
            known = self.properties(name)
            if known is None and OF_THE_DRIVER.fullmatch(name):
                continue
            if known is None:
                yield f"there is no element '{name}'"
            else:
                used = [word.split("=")[0] for word in settings if "=" in word]
                yield from (f"{name} has no property {word}" for word in used if word not in known)

    def properties(self, element):
        """Names of an element's properties; None: there is no such element."""
        if element not in self.known:
            self.known[element] = self._inspect(element)
        return self.known[element]

    def _inspect(self, element):
        for gpu in (False, True):
            text = environment.output_of(["gst-inspect-1.0", element], environment.make(self.build, gpu=gpu))
            if text is not None:
                return set(re.findall(r"^  ([a-z][\w-]*) *: ", text, re.MULTILINE))
        return None


def elements_of(words):
    """Each element of a pipeline with its settings. One that begins another branch follows the last one without a "!"."""
    for part in split(words, "!"):
        begins = [i for i, word in enumerate(part) if i == 0 or "=" not in word] or [0]
        for begin, end in zip(begins, [*begins[1:], len(part)]):
            yield part[begin:end] or [""]


def lines_of(block):
    """The command lines of a block; of a console session those behind a prompt."""
    text = block.text.replace("\\\n", " ")
    if block.language == "console":
        return [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    return [line for line in text.splitlines() if line.strip()]


def words_of(line):
    words = []
    for word in shlex.split(line, comments=True):
        # A command inside of quotes, as of sh -c.
        words += shlex.split(word) if " " in word and not words[-1:] == ["-e"] and "$(" not in word else [word]
    return words


def split(words, separator):
    part = []
    for word in words:
        if word == separator:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def dev_problems(words):
    usage = (SOURCE / "dev").read_text()
    verbs = set(re.findall(r"^  ([a-z][a-z-]+)(?: |$)", usage.split("END")[1], re.MULTILINE))
    if words and words[0] not in verbs:
        yield f"./dev has no verb {words[0]}"
    if words and words[0] == "test":
        unknown = [name for name in words[1:] if not name.startswith("-") and name not in known_suites()]
        yield from (f"there is no suite {name}" for name in unknown)


def known_suites():
    folders = {path.parent.name for path in (SOURCE / "tests").glob("*/meson.build")}
    return folders | {"format", "tidy", "sanitize"}


def meson_options():
    """Names and defaults."""
    text = (SOURCE / "meson.options").read_text()
    return dict(re.findall(r"option\('([\w-]+)', type: '\w+', value: '?([^',]*)'?,", text))
