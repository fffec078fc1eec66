# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library's log in Python's `logging`, in GStreamer's, and on stderr where nobody chose: each line once, and nobody
waits for it."""

import logging
import re
import threading

import pytest
from processes import SECONDS, Program

TAKEN = 'key "logged" taken: readers connect to {}/logged.sock (access=user)'
RELEASED = 'key "logged" released'

PUBLISH = """
import logging, os, sys
import cuframes
{before}
publisher = cuframes.publish("logged", format="GRAY8", width=8, height=8, memory="host")
{after}
"""


def run(before="", after="", env=None):
    code, out, err = Program(PUBLISH.format(before=before, after=after), env=env).finish()
    assert code == 0, err
    return out, err


CONFIGURED = 'logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)'


def test_lines_come_to_the_logger_and_nowhere_else(directory):
    """With logging configured each line is a record of the logger `cuframes`, with its level; stderr has none."""
    out, err = run(CONFIGURED, "publisher.close()")
    lines = out.splitlines()
    assert lines[0] == "INFO cuframes " + TAKEN.format(directory)
    assert re.fullmatch(
        r'INFO cuframes "logged" has a new generation: epoch \d+, GRAY8 8x8, .* in host memory', lines[1]
    )
    assert lines[2:] == ["INFO cuframes " + RELEASED]
    assert err == ""


def test_levels_of_the_logger_count():
    """A logger that is set to warnings gets no line of less weight."""
    assert run(CONFIGURED + '; logging.getLogger("cuframes").setLevel("WARNING")') == ("", "")


def test_programs_that_end_at_once_lose_no_line(directory):
    """What was logged before the end is handed on at exit, though its thread had no time for it."""
    out, _ = run(CONFIGURED, "sys.exit(0)")
    assert TAKEN.format(directory) in out


@pytest.mark.parametrize("level", ["", "info"])
def test_without_configuration_stderr_has_what_it_always_had(directory, level):
    """Nothing but warnings, or what CUFRAMES_LOG says, once."""
    out, err = run(env={"CUFRAMES_LOG": level})
    assert out == ""
    assert err.count("taken") == (1 if level else 0)
    if level:
        assert err.splitlines()[0] == "cuframes: info: " + TAKEN.format(directory)


# Somebody connects when the publisher has no descriptor left to accept it with.
SHORTAGE = """
import resource, signal, socket
stranger = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
lowest = os.dup(0)
os.close(lowest)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
stranger.connect(publisher.socket_path)
signal.pause()
"""


def test_warnings_are_seen_by_who_configured_nothing():
    """A publisher that cannot accept a reader says so on stderr, once."""
    program = Program(PUBLISH.format(before="", after=SHORTAGE))
    try:
        line = program.process.stderr.readline()
    finally:
        program.kill()
    assert line.startswith('cuframes: warning: cannot accept a reader of "logged"'), line


def test_a_handler_that_blocks_holds_up_nobody(publish, subscribe, memory):
    """Frames go on while a handler does not return; so do calls that log, with the interpreter lock or without."""
    entered, go_on = threading.Event(), threading.Event()

    class Stuck(logging.Handler):
        def emit(self, record):
            entered.set()
            assert go_on.wait(SECONDS)

    logger = logging.getLogger("cuframes")
    handler = Stuck()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        publisher = publish()
        assert entered.wait(SECONDS)
        subscriber = subscribe()
        for number in range(1, 4):
            with publisher.acquire() as slot:
                slot.pts = number
            assert subscriber.next_frame().pts == number
        subscriber.close()
        publisher.close()
    finally:
        go_on.set()
        logger.removeHandler(handler)
        logger.setLevel(before)


def test_a_forked_child_logs_too(directory):
    """A child of fork() hands its own lines on."""
    child = """
publisher.close()
child = os.fork()
if child == 0:
    cuframes.publish("logged-too").close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    out, _ = run(CONFIGURED, child)
    assert 'INFO cuframes key "logged-too" taken' in out and 'INFO cuframes key "logged-too" released' in out


def test_gstreamer_and_logging_get_the_same_lines(need, tmp_path):
    """In a process with the plugin both have every line, and an application's own function keeps its own."""
    need("cuframes.gst")
    before = (
        """
import ctypes
from cuframes import gst
from gi.repository import Gst
heard = []
kind = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
function = kind(lambda *line: heard.append(line[1].decode()))
ctypes.CDLL("libcuframes.so.0.1").cuframes_set_log_func(function, None, 3)
assert Gst.ElementFactory.make("cuframessink")  # So that the plugin is loaded.
"""
        + CONFIGURED
    )
    after = """
publisher.close()
ctypes.CDLL("libcuframes.so.0.1").cuframes_set_log_func(None, None, 0)
sys.stdout.write("".join("HEARD " + line + "\\n" for line in heard))  # At once: the log writes there too.
"""
    file = tmp_path / "gst.log"
    settings = {"GST_DEBUG": "cuframes:INFO", "GST_DEBUG_FILE": str(file), "GST_DEBUG_NO_COLOR": "1"}
    out, err = run(before, after, settings)
    logged = [line.removeprefix("INFO cuframes ") for line in out.splitlines() if line.startswith("INFO")]
    heard = [line.removeprefix("HEARD ") for line in out.splitlines() if line.startswith("HEARD")]
    assert logged == heard and len(logged) == 3
    in_gst = [line for line in file.read_text().splitlines() if " cuframes " in line]
    assert [line.endswith(text) for line, text in zip(in_gst, logged)] == [True] * 3
    assert "cuframes: " not in err


def test_nothing_is_logged_by_the_interpreter_that_ends(directory):
    """A publisher that nobody closed is closed while the interpreter ends: no crash, and no Python code any more."""
    after = """
import atexit
keep = publisher
sys.modules["keeps"] = keep
"""
    out, err = run(CONFIGURED, after)
    assert "Traceback" not in err and out.startswith("INFO cuframes " + TAKEN.format(directory))
