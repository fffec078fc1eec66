# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the snippets out of reference/python.md, and runs one: `python3 reference_snippets.py NAME` is a
user's program whose text is the snippet, with what the text takes for granted (`sub`, `frame`, `process`)
around it.

What never ends by itself is ended from outside of the text: the functions it is given raise once they have
seen enough.
"""

import os
import pathlib
import re
import subprocess
import sys
import threading

REFERENCE = pathlib.Path(__file__).parent / "reference" / "python.md"
CAMERAS = ["cam-parking", "cam-front_yard", "cam-gate_lpr", "cam-back_yard"]
SECONDS = 60


def snippets():
    """name: text, for every Python block. The name is its heading, numbered where a heading has several."""
    found, heading = {}, ""
    for match in re.finditer(r"^#+ ([^\n]+)$|^```python\n(.*?)^```$", REFERENCE.read_text(), re.M | re.S):
        if match[1]:
            heading = match[1]
        else:
            count = sum(name.startswith(heading) for name in found)
            found[f"{heading} {count + 1}" if count else heading] = match[2]
    return found


def missing(text):
    """The module whose absence keeps a snippet from running; None: all that it imports is there."""
    for line in re.findall(r"^(?:import|from) .+$", text, re.M):
        try:
            exec(line, {})
        except ImportError:
            return line.split()[1]
    return None


def lines_of(name):
    """Runs a snippet in a process of its own: what it prints, if it ends well and says nothing on stderr."""
    from processes import SECONDS  # Not of the user's program that this file is, too.

    done = subprocess.run(
        [sys.executable, __file__, name],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


class Enough(Exception):
    """Ends a snippet that would go on for ever."""


def run_plain(text):
    exec(compile(text, "snippet", "exec"), {"__name__": "__main__"})


def run_around_a_frame(text):
    """The text speaks of `sub` and `frame`."""
    import cuframes

    with cuframes.subscribe(CAMERAS[0], connect_timeout_ms=5000) as sub, sub.next_frame(timeout_ms=5000) as frame:
        exec(compile(text, "snippet", "exec"), {"sub": sub, "frame": frame})


def run_with_a_wrong_line(text):
    """The text shows a wrong line first, `torch.frombuffer(...)`, which is not meant to be run: it gets a
    torch where that does nothing."""
    import cuframes
    import torch

    class Torch:
        frombuffer = staticmethod(lambda *_: None)
        from_dlpack = staticmethod(torch.from_dlpack)

    with cuframes.subscribe(CAMERAS[0], connect_timeout_ms=5000) as sub, sub.next_frame(timeout_ms=5000) as frame:
        names = {"torch": Torch, "frame": frame}
        exec(compile(text, "snippet", "exec"), names)
        assert names["y"].shape == (frame.height, frame.width) and names["y"].stride()[0] == names["pitch"]
        assert names["ptr"] == names["y"].data_ptr()


def run_reconnect_loop(text):
    """The text defines consume_camera(), which is called and ended by its callback."""
    names = {}
    exec(compile(text, "snippet", "exec"), names)
    seen = []

    def on_frame(frame):
        seen.append(frame.seq)
        if len(seen) == 5:
            raise Enough

    try:
        names["consume_camera"](CAMERAS[0], on_frame)
    except Enough:
        assert seen == sorted(set(seen))
    else:
        raise AssertionError("the loop ended by itself")


def run_threads(text):
    """The text starts a daemon thread for each camera; each is ended by its process()."""
    before = set(threading.enumerate())
    done, lock, ends = set(), threading.Lock(), threading.Event()
    threading.excepthook = lambda what: None if what.exc_type is Enough else threading.__excepthook__(what)

    def process(frame):
        assert frame.width > 0
        with lock:
            done.add(threading.current_thread())
            if len(done) == len(CAMERAS):
                ends.set()
        raise Enough

    exec(compile(text, "snippet", "exec"), {"process": process})
    assert ends.wait(SECONDS), f"{len(done)} of {len(CAMERAS)} cameras gave a frame"
    for thread in set(threading.enumerate()) - before:
        thread.join(SECONDS)


HOW = {
    "CuframesSubscriber": run_around_a_frame,
    "CuframesFrame": run_around_a_frame,
    "Pitch alignment — важно!": run_with_a_wrong_line,
    "Pattern: reconnect-loop для долгоживущего consumer'а": run_reconnect_loop,
    "Thread-safety contract": run_threads,
}


def main(name):
    HOW.get(name, run_plain)(snippets()[name])


if __name__ == "__main__":
    main(sys.argv[1])
