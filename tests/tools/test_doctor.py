# SPDX-License-Identifier: LGPL-2.1-or-later
"""`doctor` says what is well, what is not, and what to do about that."""

import os
import pathlib
import resource

import pytest


@pytest.fixture
def examined(facts):
    """What it finds, by topic."""

    def ask(*arguments, healthy=True):
        told = facts("doctor", *arguments, code=0 if healthy else 1)
        assert told["healthy"] == healthy
        found = {}
        for finding in told["findings"]:
            found.setdefault(finding["topic"], []).append(finding)
            # Who is told that something is wrong is told what to do.
            assert (finding["advice"] is None) == (finding["level"] == "ok")
        return found

    return ask


def of_level(found, level):
    return {topic for topic, findings in found.items() for one in findings if one["level"] == level}


def test_all_is_well(examined, command):
    found = examined()
    assert of_level(found, "FAIL") == set()
    assert {"library", "gstreamer", "kernel", "namespaces", "limits", "memory", "directory", "keys", "sharing"} <= set(
        found
    )
    assert "host memory was published and read" in found["sharing"][0]["what"]
    lines = command("doctor").stdout.splitlines()
    assert all(line.split()[0] in ("ok", "warning", "->") for line in lines)
    assert command("ls", "--keys").stdout == ""


def test_on_a_gpu(examined, driver):
    found = examined()
    assert "Fake CUDA device" in found["gpu"][0]["what"]
    assert any("memory of GPU 0 was published and read" in one["what"] for one in found["sharing"])
    assert "streams that are known" in found["release"][0]["what"]


def test_what_the_end_of_a_lease_waits_for(examined, driver, monkeypatch):
    monkeypatch.setenv("CUFRAMES_RELEASE", "context")
    assert "all that the known contexts have in flight" in examined()["release"][0]["what"]
    monkeypatch.setenv("CUFRAMES_RELEASE", "nonsense")
    assert examined(healthy=False)["release"][0]["level"] == "FAIL"
    monkeypatch.delenv("CUFRAMES_RELEASE")
    monkeypatch.setenv("CUFRAMES_UNSAFE_RELEASE", "host")
    assert "tear" in examined(healthy=False)["release"][0]["what"]


def test_a_driver_before_12_5(examined, driver, monkeypatch):
    monkeypatch.setenv("FAKE_CUDA_DRIVER_VERSION", "12020")
    monkeypatch.setenv("CUFRAMES_RELEASE", "context")
    (release,) = examined()["release"]
    assert release["level"] == "warning" and "12.5" in release["what"] and "CUDA 12.2" in release["what"]


def test_a_key_that_is_well(studio, examined):
    studio.publish(keys=["cam"])
    studio.send()
    before = studio.stats()["cam"]["slots"]
    assert [one["level"] for one in examined("cam")["key"]] == ["ok", "ok", "ok"]
    assert "took a frame" in examined("cam")["key"][2]["what"]
    assert studio.stats()["cam"]["slots"] == before


def test_packets(studio, examined):
    studio.publish_packets(keys=["cam"])
    studio.send()
    assert "took a packet" in examined("cam")["key"][-1]["what"]


def test_a_key_without_a_publisher(studio, examined):
    studio.publish(keys=["cam-gate"])
    (finding,) = examined("cam", healthy=False)["key"]
    assert '"cam" has no publisher' in finding["what"] and "cam-gate" in finding["advice"]


def test_a_key_whose_publisher_is_stopped(studio, examined):
    studio.publish(keys=["cam"])
    studio.pause()
    found = examined("cam", "--timeout", "100ms", healthy=False)
    assert f"kill -CONT {studio.pid}" in found["key"][0]["advice"]
    assert found["keys"][0]["level"] == "warning"


def test_a_key_whose_publisher_was_killed(studio, examined):
    studio.publish(keys=["cam"])
    studio.kill()
    assert "dead" in examined("cam", healthy=False)["key"][0]["what"]


def test_a_reader_that_would_be_refused(studio, examined):
    studio.publish(keys=["cam"], max_subscribers=1)
    studio.send()
    studio.read(keys=["cam"], names=["viewer"])
    found = examined("cam", healthy=False)["key"]
    assert "a reader fails" in found[-1]["what"] and "subscribers" in found[-1]["what"]


def test_frames_on_a_gpu_that_is_not_seen(studios, examined, driver):
    studio = studios()
    studio.publish(keys=["cam"], memory="cuda")
    studio.send()
    assert "took a frame" in examined("cam")["key"][-1]["what"]
    driver()
    found = examined("cam", healthy=False)["key"]
    assert "which this process does not see" in found[1]["what"]


def test_a_directory_that_cannot_be(examined, tmp_path, directory):
    assert examined("--dir", "/dev/null", healthy=False)["directory"][0]["level"] == "FAIL"
    assert "makes it" in examined("--dir", tmp_path / "new")["directory"][-1]["what"]
    assert not (tmp_path / "new").exists()
    # With "/", 30 characters of a key and ".sock" it is a socket's address.
    long = directory / ("x" * (107 - 6 - 30 - len(str(directory)) - 1))
    long.mkdir()
    assert "keys may have 30 characters at most" in examined("--dir", long)["directory"][0]["what"]


def test_limits(command):
    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = command("doctor", preexec_fn=lower)
    assert done.returncode == 1
    assert "warning  limits      100 descriptors" in done.stdout
    assert "ulimit -f" in done.stdout
    assert "FAIL     sharing" in done.stdout


def test_it_leaves_nothing_behind(command, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert command("doctor").returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert list(pathlib.Path(os.environ["CUFRAMES_DIR"]).iterdir()) == []
