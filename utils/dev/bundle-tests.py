#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""cuframes-tests [SUITE…]: runs the packed tests on a GPU host, where there is no Meson.

The tests and their settings are Meson's own list, less those that ask for the stand-in libcuda: their twins run here on
the real driver.
"""

import json
import os
import subprocess
import sys
import time

SKIPPED = 77
DRIVER = "/usr/lib/nvidia-driver"
LISTING = "/etc/cuframes-tests.json"
# Suites about the source tree, or that no GPU has a part in, say nothing new here; they can be asked for by name.
NOT_HERE = {"dev", "docs", "fuzz", "headers", "model", "packaging", "typing", "unit"}


def environment_for(test):
    env = dict(os.environ, **test["env"])
    folders = [folder for folder in env.get("LD_LIBRARY_PATH", "").split(":") if folder]
    env["LD_LIBRARY_PATH"] = ":".join(dict.fromkeys(folders + [DRIVER]))
    return env


def wants(test, wanted):
    if "/fake-cuda" in test["env"].get("LD_LIBRARY_PATH", ""):
        return False
    suites = {suite.split(":")[-1] for suite in test["suite"]}
    return bool(suites & wanted) if wanted else not suites & NOT_HERE


def run(test):
    """Returns "passed", "failed" or "skipped", and the output."""
    try:
        done = subprocess.run(
            test["cmd"],
            env=environment_for(test),
            cwd=test["workdir"] or os.environ["CUFRAMES_BUILD"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=test["timeout"] or None,
        )
    except subprocess.TimeoutExpired as expired:
        return "failed", (expired.stdout or b"") + b"\n(timed out)\n"
    except OSError as error:
        return "failed", str(error).encode()
    outcome = {0: "passed", SKIPPED: "skipped"}.get(done.returncode, "failed")
    return outcome, done.stdout


def main():
    with open(LISTING, encoding="utf-8") as listing:
        tests = json.load(listing)
    wanted = set(sys.argv[1:])
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for test in tests:
        if not wants(test, wanted):
            continue
        begin = time.monotonic()
        outcome, output = run(test)
        totals[outcome] += 1
        print(f"{outcome:8} {time.monotonic() - begin:7.2f} s  {test['name']}", flush=True)
        if outcome == "failed":
            sys.stdout.write(output[-6000:].decode(errors="replace") + "\n")
    print(", ".join(f"{count} {outcome}" for outcome, count in totals.items()))
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
