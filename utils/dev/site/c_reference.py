# SPDX-License-Identifier: LGPL-2.1-or-later
"""The C API as a page, from its header: the comments there are Markdown, and each stands before what it is about."""

import re

SECTION = re.compile(r"^// -{20,} (.+)$")
DECLARATION = (
    r"^#define (\w+)",
    r"^typedef (?:struct|enum) (\w+)",
    r"^typedef .*\(\*(\w+)\)\(",
    r"^(?:CUFRAMES_API|static inline) [^(]*?\b(\w+)\(",
)
# What is for compilers.
HIDDEN = r"#pragma|#include|#if|#endif|#else|extern \"C\"|\}$|// SPDX"


def page(header):
    parts = [f"# {header.name}\n\nMade from the header of that name, of libcuframes.\n"]
    for block in blocks(header.read_text()):
        section = SECTION.match(block[0])
        if section:
            parts.append(f"\n## {section.group(1).capitalize()}\n")
        elif not re.match(HIDDEN, block[0]):
            parts.append(item(block))
    return "\n".join(parts)


def blocks(text):
    """Lines that stand together: comment and declaration. An empty line within braces or a comment divides nothing."""
    block, depth, comment = [], 0, False
    for line in text.splitlines():
        if not line and depth == 0 and not comment:
            if block:
                yield block
            block = []
            continue
        block.append(line)
        comment = ("/*" in line or comment) and "*/" not in line
        code = re.sub(r"/\*.*?\*/|//.*", "", line)
        depth += 0 if comment or line.lstrip().startswith("*") else code.count("{") - code.count("}")
        # The one of C++'s linkage holds all.
        depth = 0 if re.match(r'extern "C"', line) or depth < 0 else depth
    if block:
        yield block


def item(block):
    """A comment as prose under a heading, and what it is about as code."""
    end = next((number for number, line in enumerate(block) if "*/" in line), -1) if block[0].startswith("/**") else -1
    prose = [re.sub(r"^/\*\* ?| ?\*/$|^ \* ?", "", line) for line in block[: end + 1]]
    code = block[end + 1 :]
    names = [name for line in code for pattern in DECLARATION for name in re.findall(pattern, line)]
    heading = f"### {', '.join(dict.fromkeys(names))}\n\n" if names else ""
    fenced = "```c\n" + "\n".join(code) + "\n```\n" if code else ""
    # A heading in a comment is one of a section here.
    return heading + re.sub(r"(?m)^## ", "## ", "\n".join(prose).strip()) + "\n\n" + fenced
