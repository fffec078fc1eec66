# SPDX-License-Identifier: LGPL-2.1-or-later
"""`ls` and `info` tell what the publisher counts, and who is stopped or dead holds up nobody."""

import os
import time


def test_frames(studio, facts, command):
    studio.publish(keys=["cam"])
    assert facts("info", "cam")["state"] == "waiting"
    studio.send(count=3)
    studio.read(keys=["cam"], names=["viewer", "other"], hold=True)
    ring = facts("info", "cam")
    assert (ring["key"], ring["state"], ring["content"], ring["policy"]) == ("cam", "live", "frames", "drop")
    assert (ring["memory"], ring["gpu"], ring["window"]) == ("host", None, None)
    assert (ring["geometry"]["format"], ring["geometry"]["width"], ring["geometry"]["height"]) == ("GRAY8", 16, 16)
    assert ring["publisher"]["pid"] == studio.pid
    counted = studio.stats()["cam"]
    told = {**ring["stats"], "epoch": int(ring["stats"]["epoch"])}
    assert {name: told[name] for name in ("epoch", "last_sequence", "published", "dropped", "copied", "bytes")} == {
        name: counted[name] for name in ("epoch", "last_sequence", "published", "dropped", "copied", "bytes")
    }
    assert sorted(reader["name"] for reader in ring["readers"]) == ["other", "viewer"]
    assert {reader["held"] for reader in ring["readers"]} == {1}
    assert facts("ls")["rings"][0]["stats"] == ring["stats"]


def test_packets(studio, facts, command):
    studio.publish_packets(keys=["cam"])
    studio.send(count=3)
    studio.read_packets(keys=["cam"], name="viewer")
    ring = facts("info", "cam")
    assert (ring["content"], ring["caps"], ring["geometry"]) == ("packets", "video/x-test", None)
    assert (ring["window"]["packets"], ring["window"]["keyframes"], ring["window"]["bytes"]) == (3, 3, 3 * 256)
    printed = command("info", "cam").stdout
    assert "3 packets, 768 B, 3 keyframes" in printed
    assert "viewer" in printed


def test_lines_for_people(studio, command):
    studio.publish(keys=["cam-b", "cam-a"])
    studio.send()
    studio.read(keys=["cam-a"], names=["viewer"])
    heading, *rows = command("ls").stdout.splitlines()
    assert heading.split() == "KEY STATE CONTENT FORMAT MEMORY RATE AGE READERS PUBLISHER".split()
    assert [row.split()[0] for row in rows] == ["cam-a", "cam-b"]
    assert all("16x16 GRAY8" in row and f"({studio.pid})" in row for row in rows)
    # Columns stand below each other.
    assert {row.index("16x16") for row in rows} == {heading.index("FORMAT")}
    printed = command("info", "cam-a").stdout
    assert printed.startswith("cam-a: live\n")
    assert "16x16 GRAY8" in printed and "viewer" in printed and str(studio.pid) in printed


def test_a_key_without_a_publisher(command):
    done = command("info", "cam")
    assert (done.returncode, done.stdout) == (1, "")
    assert '"cam" has no publisher' in done.stderr
    assert command("info", "../cam").returncode == 2


def test_nothing_is_shared(command, facts, directory):
    done = command("ls")
    assert (done.returncode, done.stdout) == (0, "")
    assert str(directory) in done.stderr
    assert facts("ls") == {"rings": []}


def test_a_directory_that_is_named(studio, command, facts, tmp_path):
    studio.publish(keys=["cam"])
    assert [ring["key"] for ring in facts("ls", "--dir", os.environ["CUFRAMES_DIR"])["rings"]] == ["cam"]
    assert facts("ls", "--dir", tmp_path)["rings"] == []
    assert command("ls", "--dir", "/dev/null").returncode == 1


def test_a_path_may_have_any_bytes(studio, facts, directory, tmp_path):
    studio.publish(keys=["cam"])
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.symlink(directory, folder)
    (ring,) = facts("ls", "--dir", os.fsdecode(folder))["rings"]
    assert ring["path"].endswith("/\ufffd/cam.sock")


def test_one_who_is_stopped_says_so_and_delays_no_other(studios, facts, command):
    live, stopped = studios(), studios()
    live.publish(keys=["live"])
    live.send()
    stopped.publish(keys=["stopped"])
    stopped.pause()
    began = time.monotonic()
    rings = {ring["key"]: ring for ring in facts("ls", "--timeout", "300ms")["rings"]}
    assert time.monotonic() - began < 10
    assert {key: ring["state"] for key, ring in rings.items()} == {"live": "live", "stopped": "silent"}
    assert "stopped" in rings["stopped"]["message"]
    assert rings["stopped"]["publisher"]["pid"] == stopped.pid
    # Its silence is not the others' age: that of a frame which came just before is less than what the silent one takes.
    live.send()
    age = next(ring for ring in facts("ls", "--timeout", "3s")["rings"] if ring["key"] == "live")["age_seconds"]
    assert age < 3
    (row,) = (line for line in command("ls", "--timeout", "50ms").stdout.splitlines() if line.startswith("stopped"))
    assert "does not answer" in row and f"(pid {stopped.pid})" in row
    done = command("info", "stopped", "--timeout", "50ms")
    assert done.returncode == 1 and "does not answer" in done.stderr and str(stopped.pid) in done.stdout
    assert facts("info", "stopped", "--timeout", "50ms", code=1)["state"] == "silent"


def test_one_who_was_killed_is_dead_until_the_next_one_comes(studios, facts, command):
    killed, successor = studios(), studios()
    killed.publish(keys=["cam"])
    killed.kill()
    assert facts("info", "cam", code=1)["state"] == "dead"
    assert "killed" in command("ls").stdout
    successor.publish(keys=["cam"])
    (ring,) = facts("ls")["rings"]
    assert (ring["state"], ring["publisher"]["pid"]) == ("waiting", successor.pid)
    successor.close()
    assert facts("ls")["rings"] == []


def test_names_cannot_command_a_terminal(studio, command, facts):
    name = "a\x1b[2J\u009bb"
    studio.publish(keys=["cam"])
    studio.send()
    studio.read(keys=["cam"], names=[name])
    assert facts("info", "cam")["readers"][0]["name"] == name
    assert "a?[2J?b" in command("info", "cam").stdout
