# SPDX-License-Identifier: LGPL-2.1-or-later
"""`top` shows what there is again and again, to people and to programs, and leaves the terminal as it was."""

import json
import re
import signal
import subprocess

import pytest
from conftest import COMMAND, checked
from screen import Screen


@pytest.fixture
def screens():
    started = []

    def start(*arguments, **size):
        started.append(Screen([COMMAND, "top", *arguments], **size))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def busy(studio):
    studio.publish(keys=["cam"])
    studio.send()
    studio.read(keys=["cam"], names=["viewer"])
    return studio


def test_plain_lines_where_there_is_no_terminal(busy, command):
    pages = command("top", "-n", 2, "-d", "50ms").stdout.split("\n\n")
    assert len(pages) == 2
    for page in pages:
        summary, heading, ring, reader = page.strip().splitlines()
        assert "1 key, 1 reader" in summary
        assert heading.startswith("KEY / READER")
        assert ring.startswith("cam ") and "16x16 GRAY8" in ring
        assert reader.startswith("  viewer ") and "newest" in reader
    assert "\x1b" not in pages[0]


def test_an_object_a_line(busy, command):
    busy.run(every=0.02)
    lines = command("top", "-n", 3, "-d", "500ms", "--json").stdout.splitlines()
    pages = [checked("top", json.loads(line)) for line in lines]
    assert len(pages) == 3
    assert pages[0]["rings"][0]["readers"][0]["rate"] is None
    published = [page["rings"][0]["stats"]["published"] for page in pages]
    assert published[0] < published[1] < published[2]
    # The reader took nothing meanwhile.
    assert pages[2]["rings"][0]["readers"][0]["rate"] == 0


def test_what_a_reader_takes_in_a_second(busy):
    """Counted between two pages."""
    process = subprocess.Popen([COMMAND, "top", "--json", "-d", "500ms"], stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(process.stdout.readline())["rings"]
        busy.send()
        busy.take(reader=0)
        rates = []
        while not any(rates):
            rates.append(json.loads(process.stdout.readline())["rings"][0]["readers"][0]["rate"])
        # One in half a second; the machine may be slow.
        assert 0 < rates[-1] < 50
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("end", ["q", "\x03", signal.SIGTERM])
def test_full_screen(busy, screens, end):
    screen = screens("-d", "100ms")
    screen.wait_for(lambda seen: seen.count("viewer") >= 2)
    assert screen.seen.startswith("\x1b[?1049h")
    if isinstance(end, str):
        screen.type(end)
    else:
        screen.process.send_signal(end)
    assert screen.finish() == (0, True)
    assert screen.seen.endswith("\x1b[?1049l")
    assert "\x1b[?25h" in screen.seen


def test_a_page_fits_the_terminal_and_follows_its_size(studio, screens):
    studio.publish(keys=[f"cam-{i:02}" for i in range(20)])
    screen = screens("-d", "1h", rows=10)
    screen.wait_for(lambda seen: screen.pages())
    assert keys_on(screen.pages()[-1]) == [f"cam-{i:02}" for i in range(8)]
    screen.forget()
    screen.resize(rows=6, columns=100)
    screen.wait_for(lambda seen: screen.pages())
    assert keys_on(screen.pages()[-1]) == [f"cam-{i:02}" for i in range(4)]
    screen.forget()
    screen.type("\x1b[6~")
    screen.wait_for(lambda seen: screen.pages())
    assert keys_on(screen.pages()[-1]) == [f"cam-{i:02}" for i in range(10, 14)]
    screen.type("q")
    assert screen.finish() == (0, True)


def keys_on(page):
    return re.findall(r"cam-\d\d", page)


def test_so_many_pages_in_full_screen(busy, screens):
    assert screens("-n", "2", "-d", "50ms").finish() == (0, True)


def test_losses_stand_out(busy, screens):
    screen = screens("-d", "100ms")
    screen.wait_for(lambda seen: seen.count("viewer") >= 1)
    assert "\x1b[33mcam" not in screen.seen
    busy.drop(key="cam")
    screen.wait_for(lambda seen: "\x1b[33mcam" in seen)


def test_what_cannot_be_looked_into(command):
    done = command("top", "--dir", "/dev/null")
    assert done.returncode == 1 and "/dev/null" in done.stderr
