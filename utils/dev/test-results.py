#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-results.py FOLDER [SUITE…]: what became of the tests of a build folder, by the log of `meson test`.

Prints how many passed, failed and were skipped. Tests that were to run and have no result, because `meson test` ended before
them, are failures, and named.
"""

import collections
import json
import subprocess
import sys

KINDS = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def planned(folder, suites):
    listing = json.loads(subprocess.check_output(["meson", "introspect", "--tests", folder]))
    return collections.Counter(
        test["name"] for test in listing if not suites or suites & {suite.split(":")[-1] for suite in test["suite"]}
    )


def results(log):
    """(name, result) of each test that has ended."""
    try:
        lines = open(log, encoding="utf-8", errors="replace").readlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # It was writing this one when it ended.
            continue
        # Suites come first: "cuframes:unit / ring".
        yield entry["name"].rsplit(" / ", 1)[-1], entry["result"]


def main():
    folder, suites = sys.argv[1], set(sys.argv[2:])
    totals = collections.Counter()
    ended = collections.Counter()
    for name, result in results(f"{folder}/meson-logs/testlog.json"):
        ended[name] += 1
        totals[KINDS.get(result, "failed")] += 1
    missing = planned(folder, suites) - ended
    for name in sorted(missing.elements()):
        print(f"       no result of: {name}", file=sys.stderr)
    print(totals["passed"], totals["failed"] + missing.total(), totals["skipped"])


if __name__ == "__main__":
    main()
