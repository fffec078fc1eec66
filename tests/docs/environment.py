# SPDX-License-Identifier: LGPL-2.1-or-later
"""The environment in which commands of the documentation run here: the one of `./dev run`, for the tree under test."""

import os
import pathlib
import subprocess
import time

from pages import SOURCE

# Stands in for ./dev, whose preparations are done: this runs inside of them.
DEV = """#!/bin/sh
[ "$1" = run ] || { echo "here only ./dev run is known" >&2; exit 2; }
shift
exec "$@"
"""


def prepend(variable, *folders):
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get(variable)])])


def make(build, folder=None, gpu=False):
    """For the build in `build`; `folder` is where a page's commands run, `gpu` adds the stand-in driver."""
    build = pathlib.Path(build)
    driver = [build / "tests" / "fake-cuda"] if gpu else []
    env = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "PATH": prepend("PATH", build / "lib" / "tools", build / "examples" / "c"),
        "LD_LIBRARY_PATH": prepend(
            "LD_LIBRARY_PATH", *driver, build / "lib" / "cuframes", build / "lib" / "cuframes-gst"
        ),
        "PYTHONPATH": prepend("PYTHONPATH", build / "lib" / "python"),
        "GI_TYPELIB_PATH": prepend("GI_TYPELIB_PATH", build / "lib" / "cuframes-gst"),
        "GST_PLUGIN_PATH": prepend("GST_PLUGIN_PATH", build / "gst"),
        "GST_REGISTRY": str(build / "tests" / "docs" / f"gst-registry{'-gpu' if gpu else ''}.bin"),
        "PKG_CONFIG_PATH": prepend("PKG_CONFIG_PATH", build / "meson-uninstalled"),
        # Meson's file for the uninstalled library names the folder of the library, not that of its public headers.
        "CPATH": prepend("CPATH", *(SOURCE / "lib" / name / "include" for name in ("cuframes", "cuframes-gst"))),
    }
    env.pop("GST_DEBUG", None)
    if folder is not None:
        env["CUFRAMES_DIR"] = str(folder / "sockets")
        env["TMPDIR"] = str(folder)
        env.pop("XDG_RUNTIME_DIR", None)
    return env


def has_stand_in(build):
    return (pathlib.Path(build) / "tests" / "fake-cuda" / "libcuda.so.1").exists()


def has_package(build):
    """Whether the Python package was built."""
    return any((pathlib.Path(build) / "lib" / "python" / "cuframes").glob("_native*.so"))


def output_of(command, env):
    """What a command prints; None if it fails."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def until(condition, seconds):
    """Waits for a condition. False: it did not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
