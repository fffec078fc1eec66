# SPDX-License-Identifier: LGPL-2.1-or-later
"""`export` serves pages that Prometheus understands, with the numbers that publishers count."""

import concurrent.futures
import os
import re
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import COMMAND, SECONDS
from prometheus_client.parser import text_string_to_metric_families

COUNTERS = {
    "published": "published",
    "published_bytes": "bytes",
    "dropped": "dropped",
    "copied": "copied",
    "lapped": "lapped",
    "metadata_dropped": "metadata_dropped",
    "refused": "refused",
}


class Exporter:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [COMMAND, "export", "--listen", "127.0.0.1:0", *arguments], stderr=subprocess.PIPE, text=True
        )
        assert select.select([self.process.stderr], [], [], SECONDS)[0], "it does not say where it listens"
        self.url = re.search(r"http://\S+", self.process.stderr.readline())[0]

    def page(self):
        with urllib.request.urlopen(self.url, timeout=SECONDS) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return answer.read().decode()

    def samples(self):
        return samples_in(self.page())

    def close(self):
        self.process.kill()
        self.process.communicate()


def samples_in(page):
    """{(name, labels): value}, each of which is there once."""
    found = {}
    for family in text_string_to_metric_families(page):
        assert family.type in ("counter", "gauge") and family.documentation
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            name = (sample.name, *sorted(sample.labels.items()))
            assert name not in found, f"{name} is there twice"
            found[name] = sample.value
    return found


def of_key(samples, name, key="cam"):
    return samples[name, ("key", key)]


def of_reader(samples, name, reader, key="cam"):
    return samples[name, ("key", key), ("reader", reader)]


@pytest.fixture
def exporters():
    started = []

    def start(*arguments):
        started.append(Exporter(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_counters_are_those_of_the_publisher(studio, exporters):
    studio.publish(keys=["cam", "other"])
    studio.send(count=5)
    studio.drop(key="cam")
    studio.read(keys=["cam"], names=["viewer"], hold=True)
    samples = exporters().samples()
    counted = studio.stats()
    for key in ("cam", "other"):
        told = {name: of_key(samples, f"cuframes_ring_{name}_total", key) for name in COUNTERS}
        assert told == {name: counted[key][field] for name, field in COUNTERS.items()}
    assert of_key(samples, "cuframes_ring_dropped_total") == 1
    assert of_key(samples, "cuframes_ring_readers") == 1
    assert of_reader(samples, "cuframes_reader_received_total", "viewer") == 1
    assert of_reader(samples, "cuframes_reader_held", "viewer") == 1
    assert 0 <= of_key(samples, "cuframes_ring_age_seconds") < 60
    assert samples["cuframes_ring_state", ("key", "cam"), ("state", "live")] == 1
    assert samples["cuframes_ring_state", ("key", "cam"), ("state", "dead")] == 0


def test_packets(studio, exporters):
    studio.publish_packets(keys=["cam"])
    studio.send(count=3)
    samples = exporters().samples()
    assert of_key(samples, "cuframes_ring_window_packets") == 3
    assert of_key(samples, "cuframes_ring_window_bytes") == studio.window(key="cam")["bytes"]
    assert of_key(samples, "cuframes_ring_published_total") == 3


def test_no_label_is_a_process(studio, exporters):
    studio.publish(keys=["cam"])
    studio.send()
    studio.read(keys=["cam"], names=["viewer"])
    page = exporters().page()
    assert not re.search(rf'"[^"]*\b{studio.pid}\b[^"]*"', page)
    assert set(re.findall(r'[{,](\w+)="', page)) == {
        *("key", "state", "content", "format", "memory", "gpu", "policy", "reader")
    }


def test_readers_of_one_name_are_one_series_that_never_falls(studio, exporters):
    studio.publish(keys=["cam"])
    studio.send()
    studio.read(keys=["cam"], names=["viewer", "viewer", "other"])
    exporter = exporters()
    samples = exporter.samples()
    assert of_reader(samples, "cuframes_readers", "viewer") == 2
    assert of_reader(samples, "cuframes_reader_received_total", "viewer") == 2
    studio.leave(reader=0)
    samples = exporter.samples()
    assert of_reader(samples, "cuframes_readers", "viewer") == 1
    assert of_reader(samples, "cuframes_reader_received_total", "viewer") == 2
    studio.send()
    studio.take(reader=1)
    assert of_reader(exporter.samples(), "cuframes_reader_received_total", "viewer") == 3
    studio.leave(reader=1)
    assert ("cuframes_readers", ("key", "cam"), ("reader", "viewer")) not in exporter.samples()


def test_names_are_escaped(studio, exporters):
    name = 'a"b\\c\nd'
    studio.publish(keys=["cam"])
    studio.send()
    studio.read(keys=["cam"], names=[name])
    assert of_reader(exporters().samples(), "cuframes_readers", name) == 1


def test_a_restart_is_a_counter_reset(studio, exporters):
    studio.publish(keys=["cam"])
    studio.send(count=5)
    exporter = exporters()
    assert of_key(exporter.samples(), "cuframes_ring_published_total") == 5
    studio.restart(key="cam")
    studio.send(count=2)
    samples = exporter.samples()
    assert of_key(samples, "cuframes_ring_published_total") == 2
    assert of_key(samples, "cuframes_ring_published_bytes_total") == 2 * 256


def test_one_who_is_stopped_takes_its_timeout_once(studios, exporters):
    live, stopped = studios(), studios()
    live.publish(keys=["live"])
    stopped.publish(keys=["stopped"])
    live.send()
    stopped.send()
    exporter = exporters("--timeout", "2s")
    before = exporter.samples()
    stopped.pause()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pages = [page.result() for page in [pool.submit(exporter.samples) for _ in range(6)]]
    took = time.monotonic() - began
    # Two of them at most: that which was made when a request came, and the next.
    assert 1.9 < took < 8, took
    for samples in pages:
        assert samples["cuframes_ring_state", ("key", "stopped"), ("state", "silent")] == 1
        assert ("cuframes_ring_published_total", ("key", "stopped")) not in samples
        assert of_key(samples, "cuframes_ring_published_total", "live") == 1
        # The alarm that everybody wants rings for it too.
        assert of_key(samples, "cuframes_ring_age_seconds", "stopped") > of_key(
            before, "cuframes_ring_age_seconds", "stopped"
        )
    stopped.go_on()
    assert of_key(exporter.samples(), "cuframes_ring_published_total", "stopped") == 1


def test_one_who_is_gone_is_gone(studios, exporters):
    killed, successor = studios(), studios()
    killed.publish(keys=["cam"])
    killed.send()
    exporter = exporters()
    exporter.samples()
    killed.kill()
    samples = exporter.samples()
    assert samples["cuframes_ring_state", ("key", "cam"), ("state", "dead")] == 1
    assert of_key(samples, "cuframes_ring_age_seconds") > 0
    successor.publish(keys=["cam"])
    successor.close()
    assert not [name for name in exporter.samples() if ("key", "cam") in name]


def test_a_port_in_use_is_said(command, exporters):
    address = re.search(r"//(.*)/metrics", exporters().url)[1]
    done = command("export", "--listen", address)
    assert (done.returncode, done.stdout) == (1, "")
    assert address in done.stderr and "in use" in done.stderr and "--listen" in done.stderr


@pytest.mark.parametrize("address", ["x", "1:2:3", "::1", ":99999", "host:", "[::1]"])
def test_what_is_no_address(command, address):
    done = command("export", "--listen", address)
    assert done.returncode == 2 and f'"{address}"' in done.stderr


def test_all_interfaces_are_both_protocols():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([COMMAND, "export", "--listen", f":{port}"], stderr=subprocess.PIPE, text=True)
    try:
        assert f":{port}/metrics" in process.stderr.readline()
        hosts = ["127.0.0.1"] + (["::1"] if os.path.exists("/proc/net/if_inet6") else [])
        for host in hosts:
            with socket.create_connection((host, port), timeout=SECONDS):
                pass
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_ends_when_told(exporters, how):
    exporter = exporters()
    exporter.samples()
    exporter.process.send_signal(how)
    assert exporter.process.wait(SECONDS) == 0


def test_what_cannot_be_looked_into_is_no_empty_page(exporters):
    exporter = exporters("--dir", "/dev/null")
    with pytest.raises(urllib.error.HTTPError, match="503") as failure:
        exporter.page()
    assert "/dev/null" in failure.value.read().decode()


def test_once_for_text_files(studio, command):
    studio.publish(keys=["cam"])
    studio.send()
    done = command("export", "--once")
    assert done.returncode == 0
    assert of_key(samples_in(done.stdout), "cuframes_ring_published_total") == 1
