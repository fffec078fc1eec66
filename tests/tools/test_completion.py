# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shells complete verbs, options, words, folders and keys, each by the script that the command prints for it."""

import os
import shutil
import subprocess

import pytest
from conftest import COMMAND, SECONDS
from screen import Screen

WITH_COMMAND = {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
BASH = """
source <(cuframes completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_cuframes
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "cuframes completion fish | source; complete -C $argv[1]"


def run_shell(*arguments):
    done = subprocess.run(
        arguments,
        env={**os.environ, **WITH_COMMAND},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(line for line in done.stdout.splitlines() if line)


def bash(*words):
    return run_shell("bash", "-c", BASH, "bash", "cuframes", *words)


def fish(*words):
    return sorted(line.split("\t")[0] for line in run_shell("fish", "-N", "-c", FISH, " ".join(["cuframes", *words])))


@pytest.fixture(params=[bash, fish])
def complete(request, monkeypatch, tmp_path):
    shell = request.param
    if not shutil.which(shell.__name__):
        pytest.skip(f"{shell.__name__} is not here")
    # fish writes there.
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return shell


def test_verbs(complete):
    assert {"ls", "info", "top", "hz", "export", "doctor", "completion"} <= set(complete(""))
    assert complete("inf") == ["info"]


def test_options_and_words(complete):
    assert complete("ls", "--t") == ["--timeout"]
    assert complete("completion", "") == ["bash", "fish", "zsh"]
    assert complete("hz", "-n", "") == []


def test_folders(complete, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert [one.rstrip("/") for one in complete("ls", "--dir", f"{tmp_path}/f")] == [f"{tmp_path}/folder"]


def test_keys_of_the_directory_that_is_meant(complete, studio, tmp_path):
    studio.publish(keys=["cam-gate", "cam-yard"])
    assert complete("info", "") == ["cam-gate", "cam-yard"]
    assert complete("info", "cam-g") == ["cam-gate"]
    assert complete("hz", "--json", "-n", "3", "cam-y") == ["cam-yard"]
    assert complete("info", "--dir", str(tmp_path), "") == []
    assert complete("info", "cam-gate", "") == [] or complete is fish


def test_keys_of_one_who_is_stopped(complete, studio):
    studio.publish(keys=["cam-gate"])
    studio.pause()
    assert complete("info", "") == ["cam-gate"]


def test_zsh(studio, monkeypatch, tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not here")
    monkeypatch.setenv("PATH", WITH_COMMAND["PATH"])
    monkeypatch.setenv("HOME", str(tmp_path))
    studio.publish(keys=["cam-gate"])
    zsh = Screen(["zsh", "-f", "-i"])
    try:
        zsh.type(
            "PS1='ready> '; autoload -Uz compinit && compinit -D; source <(cuframes completion zsh); echo loa''ded\n"
        )
        zsh.wait_for(lambda seen: "loaded" in seen and seen.endswith("ready> \x1b[K\x1b[?2004h") or "loaded\r" in seen)
        zsh.type("cuframes inf\t")
        zsh.wait_for(lambda seen: "cuframes info" in seen)
        zsh.type("ca\t")
        zsh.wait_for(lambda seen: "cam-gate" in seen)
        zsh.type("--js\t")
        zsh.wait_for(lambda seen: "--json" in seen)
        zsh.type("\n")
        zsh.wait_for(lambda seen: '"key": "cam-gate"' in seen)
    finally:
        zsh.close()
