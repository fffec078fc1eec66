# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of every verb: what `--help` says, its man page, the completion and the schema of what it prints agree."""

import json
import re
import subprocess

import jsonschema
import pytest
from conftest import COMMAND, SECONDS, SOURCE


def call(*arguments):
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=SECONDS, check=True, stdin=subprocess.DEVNULL
    ).stdout


def verbs():
    """{name: what it does}, as the whole help has them."""
    own = call("--help").partition("\nOf other programs")[0]
    return dict(re.findall(r"^  ([a-z]+) +(\S.*)$", own, re.MULTILINE))


VERBS = verbs()


def pages():
    return {path.name: path.read_text() for path in SOURCE.glob("docs/man/*.scd")}


def options_of_help(verb):
    """{an option's names: what it takes}, of positional ones by what they take."""
    found = {}
    for line in call(verb, "--help").splitlines():
        if option := re.match(r"  (-[^ ]+)(?: ([^ ]+))?", line):
            found[frozenset(option[1].split(","))] = option[2] or ""
        elif place := re.match(r"  [a-z]+ (\S+)", line):
            found[frozenset([place[1]])] = place[1]
    return found


def options_of_page(text):
    """Likewise, of the headings in its section OPTIONS: `*-n*, *--count* _N_`."""
    section = re.search(r"^# OPTIONS\n(.*?)(?=^# )", text, re.MULTILINE | re.DOTALL)[1]
    found = {}
    for line in re.findall(r"^(\S.*)\n\t", section, re.MULTILINE):
        words = [word.strip("*_,") for word in line.split()]
        names = [word for word in words if word.startswith("-")]
        values = [word for word in words if not word.startswith("-")]
        found[frozenset(names or values)] = values[0] if values else ""
    return found


def options_of_completion(verb):
    """Likewise."""
    line = re.search(
        rf"^ *{verb}\) options=\((.*?)\) takes=\((.*?)\) places=\((.*?)\)", call("completion", "bash"), re.MULTILINE
    )
    takes = dict(one.strip("'").split("=") for one in line[2].split())
    return {name: takes.get(name, "") for name in line[1].split()} | {
        place.strip("'"): place.strip("'") for place in line[3].split()
    }


def test_there_are_verbs():
    assert {"ls", "info", "top", "hz", "export", "doctor", "completion"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_and_man_page(verb):
    page = pages()[f"cuframes-{verb}.1.scd"]
    assert options_of_page(page) == options_of_help(verb)
    assert f"cuframes-{verb} - {VERBS[verb]}\n" in page
    assert call(verb, "--help").startswith(VERBS[verb] + "\n")


@pytest.mark.parametrize("verb", VERBS)
def test_help_and_completion(verb):
    helped = {name: value for names, value in options_of_help(verb).items() for name in names}
    assert options_of_completion(verb) == helped
    options = {name for name in helped if name.startswith("-")}
    zsh = re.search(rf"^ +{verb}\)\n +_arguments(.*?);;", call("completion", "zsh"), re.MULTILINE | re.DOTALL)[1]
    specs = [spec.strip().partition("[")[0] for spec in zsh.split("\\\n") if "[" in spec]
    assert {name for spec in specs for name in re.findall(r"(?<![a-z-])--?[a-z][a-z0-9-]*", spec)} == options
    fish = "".join(line for line in call("completion", "fish").splitlines() if f"__cuframes_verb {verb}'" in line)
    assert {f"--{name}" for name in re.findall(r" -l (\S+)", fish)} | {
        f"-{name}" for name in re.findall(r" -s (\S+)", fish)
    } == options


@pytest.mark.parametrize("verb", VERBS)
def test_json_and_schema(verb):
    path = SOURCE / "docs/reference/json" / f"{verb}.schema.json"
    has_json = frozenset(["--json"]) in options_of_help(verb)
    assert path.exists() == has_json
    if has_json:
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == path.name
        assert f"_{path.name}_" in pages()[f"cuframes-{verb}.1.scd"]


def test_the_page_of_the_command_has_all_verbs():
    page = pages()["cuframes.1.scd"]
    listed = dict(re.findall(r"^\*cuframes-([a-z]+)\*\(1\)\n\t(.*)$", page, re.MULTILINE))
    assert listed == VERBS


def test_every_page_is_built_and_leads_somewhere():
    listed = re.findall(r"^  '(cuframes.*)',$", (SOURCE / "docs/man/meson.build").read_text(), re.MULTILINE)
    assert sorted(f"{name}.1.scd" for name in listed) == sorted(pages())
    for name, text in pages().items():
        for other in re.findall(r"\*(cuframes[a-z-]*)\*\(1\)", text):
            assert f"{other}.1.scd" in pages(), f"{name} names {other}"


def test_the_reference_has_all_verbs_and_schemas():
    page = (SOURCE / "docs/reference/command.md").read_text()
    section = page.partition("## Verbs\n")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", section, re.MULTILINE)) == VERBS
    linked = set(re.findall(r"\(json/([a-z]+)\.schema\.json\)", page))
    assert linked == {path.name.partition(".")[0] for path in SOURCE.glob("docs/reference/json/*")}


def test_metrics_are_those_that_are_served():
    served = set(re.findall(r'"(cuframes_[a-z_]+)"', (SOURCE / "lib/tools/facts/metrics.cpp").read_text()))
    assert len(served) > 20
    told = {
        name: set(re.findall(r"\bcuframes_(?:ring|reader|exporter)s?(?:_[a-z]+)*\b", (SOURCE / name).read_text()))
        for name in ("docs/reference/command.md", "docs/man/cuframes-export.1.scd", "docs/howto/monitor.md")
    }
    assert told["docs/reference/command.md"] == served
    assert told["docs/man/cuframes-export.1.scd"] == served
    assert told["docs/howto/monitor.md"] <= served


@pytest.mark.parametrize("verb", VERBS)
def test_what_no_verb_knows_is_refused(verb):
    done = subprocess.run(
        [COMMAND, verb, "--no-such-option"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cuframes {verb}: ") and "see " in done.stderr
    # Either it is named, or what else is missing.
    assert "--no-such-option" in done.stderr or "required" in done.stderr
