# SPDX-License-Identifier: LGPL-2.1-or-later
"""table.py [--write] [SECTION…]: runs sections of the table, all by default, and prints them; with --write
into docs/reference/pipelines.md."""

import argparse
import sys
import time

import page
import sections
from sections import SECTIONS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put them into docs/reference/pipelines.md")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(f"'{one.name}'" for one in SECTIONS))
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - {one.name for one in SECTIONS}:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    failed = 0
    for one in SECTIONS:
        if arguments.sections and one.name not in arguments.sections:
            continue
        began = time.monotonic()
        rows = sections.run(one)
        failed += sum(row.verdict != "ok" for row in rows)
        print(page.text_of(one, rows), file=sys.stdout, flush=True)
        for row in rows:
            if getattr(row, "peer_problems", None):
                print(f"  peer of {row.reader.line}: {row.peer_problems}")
        print(f"  {one.name}: {time.monotonic() - began:.1f} s", flush=True)
        if arguments.write:
            page.write(one, rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
