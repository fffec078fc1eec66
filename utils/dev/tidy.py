#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""clang-tidy over what is shipped and shown. Half of the checks object to what GoogleTest's macros expand to, and tests have
the compiler's warnings.

usage: tidy.py BUILD STAMPS

A file takes seconds, so it is skipped while it, the headers of ours that it includes, the rules and how it is compiled are
as they were when it last passed, in whichever checkout. Which headers those are is known from the build, which must be done.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
OLD = 30 * 24 * 3600


def is_ours(path):
    """Lists of options are not looked at: the checks would see CLI11 more than us."""
    return path.parts[0] in ("lib", "gst", "examples") and path.parts[:3] != ("lib", "tools", "options")


@functools.cache
def in_checkout(build, name):
    """A path in the checkout of a name that is relative to the build; None: it lies elsewhere."""
    path = pathlib.Path(os.path.normpath(build / name))
    return path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else None


def included(build):
    """By object: the files of the checkout that it was made of, generated ones too."""
    found, files = {}, set()
    for line in subprocess.run(
        ["ninja", "-C", build, "-t", "deps"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines():
        if ": #deps" in line:
            files = found.setdefault(line.partition(":")[0], set())
        elif line.startswith(" ") and (path := in_checkout(build, line.strip())):
            files.add(path)
    return found


def compiled(build):
    """By source: all that says how it is compiled, and of what."""
    includes = included(build)
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = in_checkout(build, entry["file"])
        if source and is_ours(source):
            commands, files = found.setdefault(source, ([], {source}))
            commands.append(entry["command"].replace(f"{CHECKOUT}/", ""))
            files |= includes[entry["output"]]
    return found


def key(common, commands, files):
    text = hashlib.sha256(common)
    for command in sorted(commands):
        text.update(command.encode())
    for path in sorted(files):
        text.update(f"\n{path}\n".encode())
        text.update((CHECKOUT / path).read_bytes())
    return text.hexdigest()[:32]


def main():
    build, stamps = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    stamps.mkdir(parents=True, exist_ok=True)
    for stamp in stamps.iterdir():
        if stamp.stat().st_mtime < time.time() - OLD:
            stamp.unlink(missing_ok=True)
    common = (CHECKOUT / ".clang-tidy").read_bytes() + subprocess.check_output([TIDY, "--version"])
    common += os.environ["CUFRAMES_DEV_ENVIRONMENT"].encode()

    def passes(source):
        stamp = stamps / key(common, *sources[source])
        if stamp.exists():
            return True
        options = ["--quiet", "-p", build, "--extra-arg=-w", f"--extra-arg=-I{CHECKOUT}/lib/tools/pch"]
        done = subprocess.run([TIDY, *options, CHECKOUT / source], capture_output=True, text=True)
        if done.returncode == 0:
            stamp.touch()
        else:
            print(done.stdout + done.stderr, flush=True)
        return done.returncode == 0

    sources = compiled(build)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
        failed = [source for source, good in zip(sources, workers.map(passes, sources)) if not good]
    return 1 if failed or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
