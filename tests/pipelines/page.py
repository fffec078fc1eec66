# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/reference/pipelines.md: its sections are written and read here; what stands above them is written by
hand."""

import pathlib
import re

from packet_lines import PacketSection

PATH = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "pipelines.md"
HEADER = "| behind it | pictures | copied | unixfdsrc | verdict |\n|---|---|---|---|---|\n"
PACKETS_HEADER = "| behind it | what came of it | verdict |\n|---|---|---|\n"


def is_of_packets(section):
    return isinstance(section, PacketSection)


def line_of(reader):
    return f"`{reader.line}`" + (f" ({reader.note})" if reader.note else "")


def cameras_of(section):
    lines = [*section.cameras, *([f"at 8554: {section.server}"] if section.server else [])]
    return "\n".join(lines)


def text_of(section, rows):
    body = "".join(
        f"| {line_of(row.reader)} | {cells_of(section, row)} | {row.verdict.replace('|', '/')} |\n" for row in rows
    )
    header = PACKETS_HEADER if is_of_packets(section) else HEADER
    return f"## {section.title}\n\n```text\n{cameras_of(section)}\n```\n\n{header}{body}"


def cells_of(section, row):
    """What stands between line and verdict."""
    if is_of_packets(section):
        return row.result
    return f"{row.got} of {row.of} | {'' if row.copied is None else row.copied} | {row.peer}"


def write(section, rows):
    """Replaces the section, or puts it at the end."""
    text, new = PATH.read_text(), text_of(section, rows)
    pattern = rf"^## {re.escape(section.title)}\n.*?(?=^## |\Z)"
    if re.search(pattern, text, re.MULTILINE | re.DOTALL):
        text = re.sub(pattern, lambda _: new + "\n", text, flags=re.MULTILINE | re.DOTALL)
    else:
        text = text.rstrip("\n") + "\n\n" + new
    PATH.write_text(text.rstrip("\n") + "\n")


def verdicts(section):
    """What the page says of a section's rows: {row as printed: verdict}; and the cameras' lines above
    them."""
    found = re.search(
        rf"^## {re.escape(section.title)}\n\n```text\n(.*?)\n```\n(.*?)(?=^## |\Z)",
        PATH.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    if not found:
        return {}, None
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in found.group(2).splitlines()
        if line.startswith("| `")
    ]
    return {row[0]: row[-1] for row in rows}, found.group(1)


def titles():
    return re.findall(r"^## (.*)$", PATH.read_text(), re.MULTILINE)
