# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is in a page of the documentation: fenced blocks, links, headings and tables."""

import dataclasses
import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Block:
    """A fenced block. `words` follow the language on the fence, `output` is the block of expected output after it."""

    language: str
    words: list
    text: str
    line: int
    output: "Block" = None

    def has(self, word):
        return word in self.words

    def needs(self):
        """What must be there to run it: gpu, display, camera, namespaces, …"""
        return [word.removeprefix("needs-") for word in self.words if word.startswith("needs-")]

    def value(self, name):
        """The value of name=value on the fence."""
        return next((word.split("=", 1)[1] for word in self.words if word.startswith(name + "=")), None)


class Page:
    def __init__(self, path, text=None):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text() if text is None else text
        self.blocks = list(self._find_blocks())
        self.prose = self._without_blocks()

    def __str__(self):
        return str(self.path.relative_to(SOURCE)) if self.path.is_relative_to(SOURCE) else str(self.path)

    def links(self):
        """Targets of links, without those to other sites."""
        return [t for t in re.findall(r"\]\(([^)\s]+)\)", self.prose) if not re.match(r"[a-z]+:", t)]

    def anchors(self):
        """Names of headings as links spell them."""
        titles = re.findall(r"^#+ +(.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

    def program_of(self, block):
        """The whole program of a python block: one that `continues` follows the ones before it."""
        blocks = [one for one in self.blocks if one.language == "python" and not one.value("file")]
        texts = []
        for one in blocks[: blocks.index(block) + 1]:
            texts = [*texts, one.text] if one.has("continues") else [one.text]
        return "\n".join(texts)

    def code_words(self):
        """What stands between backquotes, and the lines of C blocks."""
        blocks = [block.text for block in self.blocks if block.language == "c"]
        return re.findall(r"`([^`\n]+)`", self.prose) + blocks

    def tables(self, heading):
        """The tables under a heading, each as a list of rows, each a list of cells; without the header."""
        section = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", self.prose, re.MULTILINE | re.DOTALL)
        if not section:
            raise AssertionError(f"{self}: there is no heading '{heading}'")
        found = re.findall(r"((?:^\|.*\n?)+)", section.group(1), re.MULTILINE)
        return [[split_row(line) for line in table.strip().splitlines()[2:]] for table in found]

    def _find_blocks(self):
        last, fence, lines, start = None, None, [], 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if fence is None and line.startswith("```"):
                fence, lines, start = line[3:].split(), [], number
            elif fence is not None and line.startswith("```"):
                block = Block((fence or [""])[0], fence[1:], "\n".join(lines), start)
                if block.language == "text" and block.has("output"):
                    if last is None:
                        raise AssertionError(f"{self}:{start}: expected output of nothing")
                    last.output = block
                elif block.language == "sh" or (block.language == "python" and not block.value("file")):
                    last = block
                fence = None
                yield block
            elif fence is not None:
                lines.append(line)
        if fence is not None:
            raise AssertionError(f"{self}:{start}: this block has no end")

    def _without_blocks(self):
        return re.sub(r"^```.*?^```$", "", self.text, flags=re.MULTILINE | re.DOTALL)

    def path_of(self, link):
        """The file that a link leads to; the page itself for one that is only an anchor."""
        name = link.split("#")[0]
        return (self.path.parent / name).resolve() if name else self.path


def split_row(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def code_of(cell):
    """The first `code` in a table cell."""
    found = re.search(r"`([^`]+)`", cell)
    return found.group(1) if found else None


def all_pages():
    names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    present = [SOURCE / name for name in names if (SOURCE / name).exists()]
    return [Page(path) for path in present + sorted((SOURCE / "docs").rglob("*.md"))]


def page(name):
    return Page(SOURCE / name)
