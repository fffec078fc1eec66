# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command's frame: what is wrong with a command line is said, with exit code 2; verbs of other programs run."""

import os

import pytest


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "which verb"),
        (["lss"], 'did you mean "ls"'),
        (["xyzzy"], 'no verb "xyzzy"'),
        (["../ls"], 'no verb "../ls"'),
        (["--json"], 'no verb "--json"'),
        (["ls", "--jsn"], "--jsn"),
        (["ls", "cam"], "cam"),
        (["ls", "--dir"], "--dir"),
        (["ls", "--timeout", "x"], "write 500ms"),
        (["ls", "--timeout", "5parsecs"], '"5parsecs"'),
        (["ls", "--timeout=-1"], '"-1"'),
        (["ls", "--timeout", "inf"], '"inf"'),
        (["ls", "--timeout", "99999999999h"], '"99999999999h"'),
    ],
)
def test_bad_usage_is_named(command, arguments, said):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "see " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    verb = f"cuframes {arguments[0]}: " if arguments and arguments[0] == "ls" else "cuframes: "
    assert done.stderr.startswith(verb)


def test_help_and_version(command):
    whole = command("--help")
    assert whole.returncode == 0 and "  ls " in whole.stdout and whole.stderr == ""
    assert command("-h").stdout == command("help").stdout == whole.stdout
    assert "--json" in command("ls", "--help").stdout
    assert command("--version").stdout.startswith("cuframes 0.")


def test_a_full_disk_is_no_success(command):
    with open("/dev/full", "w") as full:
        done = command("--help", stdout=full)
    assert done.returncode == 1
    assert "No space left" in done.stderr


@pytest.fixture
def foreign(tmp_path):
    """A verb of another program, and the environment that has it."""
    program = tmp_path / "cuframes-hello"
    program.write_text('#!/bin/sh\necho "hello $*"\nexit 7\n')
    program.chmod(0o755)
    (tmp_path / "cuframes-nothing").write_text("not to be run\n")
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_verbs_of_other_programs_run(command, foreign):
    done = command("hello", "--json", "cam", env=foreign)
    assert (done.returncode, done.stdout) == (7, "hello --json cam\n")
    assert "  hello\n" in command("--help", env=foreign).stdout


def test_what_is_no_program_is_no_verb(command, foreign):
    assert command("nothing", env=foreign).returncode == 2
    assert "nothing" not in command("--help", env=foreign).stdout


def test_own_verbs_come_first(command, foreign, tmp_path):
    (tmp_path / "cuframes-hello").rename(tmp_path / "cuframes-ls")
    done = command("ls", env=foreign)
    assert (done.returncode, done.stdout) == (0, "")
