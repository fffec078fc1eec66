#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what it costs to carry frames from one process to others: cuframes beside GStreamer's own elements.

Each run has one bench-publisher and some bench-readers, separate processes that differ only in the element between
them. A frame carries its number in the pixels. Latency is from the publisher's pad push to the moment the reader has
read that number back from where the frame is, on the GPU with a small copy to the host. All systems are measured in
one go, on one machine; the ratios say more than the times.

Wrong frames (torn, out of order, none at all, copied where no copy is due) make the exit code 1. A run of another
system that breaks off by itself is said and left out of the tables, unless none of that system's runs comes to its end:
then what is wrong is how it is started here.
"""

import argparse
import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile

from programs import Program, ProgramError
from systems import SYSTEMS

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))
ISOLATE = os.path.join(HERE, "isolate.sh")


@dataclasses.dataclass
class Case:
    system: object
    readers: int
    width: int
    height: int
    rate: int
    frames: int

    def fill(self, template, directory):
        size = self.width * self.height * 3 // 2
        # Two leases for each reader, two for the ring itself, and two to spare.
        return template.format(directory=directory, slots=max(8, 2 * self.readers + 4), bytes=size * 32)


@dataclasses.dataclass
class Result:
    case: Case
    latencies: list
    pushes: list
    reader_cpu: float
    delivered: float
    publisher_rate: float
    copied: int
    torn: int
    misordered: int

    def wrong(self):
        """What is wrong with the frames that arrived, if anything."""
        copied = self.copied or 0
        found = [("torn", self.torn), ("out of order", self.misordered), ("copied", copied)]
        # Without a pace all measured frames can pass between two looks of a reader that wants the newest one only.
        if not self.latencies and self.case.rate:
            found.append(("readers without any frame", self.case.readers))
        return ", ".join(f"{count} {what}" for what, count in found if count)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", default=HERE, metavar="DIR", help="where bench-publisher and bench-reader are")
    parser.add_argument("--memory", choices=("host", "cuda"), default="host")
    parser.add_argument("--systems", default="", metavar="WORDS", help="only those whose name has one of these words")
    parser.add_argument("--readers", default="1,4,8", metavar="LIST")
    parser.add_argument("--sizes", default="1920x1080", metavar="LIST", help="those after the first: one reader only")
    parser.add_argument("--rate", type=int, default=120)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--unpaced", type=int, default=0, metavar="FRAMES", help="also push so many without a pause")
    parser.add_argument("--isolate", action="store_true", help="each process in namespaces of its own")
    return parser.parse_args()


class Bench:
    def __init__(self, arguments):
        self.programs = arguments.programs
        self.isolate = arguments.isolate

    def run(self, case):
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="cuframes-bench-"))
            publisher, readers = self._start(stack, case, directory)
            publisher.tell("g")
            done = publisher.expect("done", seconds=30 + (case.frames / case.rate if case.rate else 0))
            results = [reader.expect("result") for reader in readers]
            publisher.tell("q")
        return self._judge(case, done, results)

    def _start(self, stack, case, directory):
        size = ["--width", str(case.width), "--height", str(case.height)]
        publisher = stack.enter_context(
            self._program(
                directory,
                "bench-publisher",
                "--element",
                case.fill(case.system.sink, directory),
                *size,
                "--memory",
                case.system.memory,
                "--rate",
                str(case.rate),
                "--frames",
                str(case.frames),
            )
        )
        hellos = [publisher.expect("ready")]
        readers = [
            stack.enter_context(
                self._program(directory, "bench-reader", "--element", case.fill(case.system.source, directory), *size)
            )
            for _ in range(case.readers)
        ]
        hellos += [reader.expect("attached") for reader in readers]
        if self.isolate:
            self._check_namespaces(hellos)
        return publisher, readers

    def _program(self, directory, name, *arguments):
        prefix = [ISOLATE, directory] if self.isolate else []
        return Program([*prefix, os.path.join(self.programs, name), *arguments])

    @staticmethod
    def _check_namespaces(hellos):
        """Every process must be in four namespaces that none of the others is in."""
        names = [name for hello in hellos for name in hello["namespaces"]]
        if len(set(names)) != 4 * len(hellos):
            raise ProgramError(f"some processes share a namespace: {names}")

    @staticmethod
    def _judge(case, done, results):
        latencies = []
        frames = 0
        for result in results:
            frames += len(result["numbers"])
            starts = done["starts"]
            latencies += [time - starts[number] for number, time in zip(result["numbers"], result["times"])]
        return Result(
            case=case,
            latencies=sorted(latencies),
            pushes=sorted(done["durations"]),
            reader_cpu=sum(result["cpu"] for result in results) / max(1, frames),
            delivered=frames / (case.frames * case.readers),
            publisher_rate=case.frames / (done["elapsed"] / 1e9),
            copied=done["copied"],
            torn=sum(result["torn"] for result in results),
            misordered=sum(result["misordered"] for result in results),
        )


def percentile(sorted_values, percent):
    if not sorted_values:
        return float("nan")
    return sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]


def microseconds(nanoseconds):
    return f"{nanoseconds / 1000:,.0f}"


def baseline_of(result, results):
    """The row to compare with: cuframes in its default mode, same picture, same number of readers."""

    def key(r):
        return r.case.readers, r.case.width, r.case.rate

    return next((r for r in results if r.case.system.name == "cuframes newest" and key(r) == key(result)), None)


def ratio(value, base):
    return "-" if not base else f"{value / base:.1f}"


def paced_table(results):
    yield (
        "| system | picture | readers | latency p50 / p99 µs | push p50 µs | reader CPU per frame µs | delivered"
        " | ÷ cuframes: latency p50, p99, push, CPU |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for r in results:
        figures = (percentile(r.latencies, 50), percentile(r.latencies, 99), percentile(r.pushes, 50), r.reader_cpu)
        base = baseline_of(r, results)
        if base in (None, r):
            ratios = "-"
        else:
            bases = (
                percentile(base.latencies, 50),
                percentile(base.latencies, 99),
                percentile(base.pushes, 50),
                base.reader_cpu,
            )
            ratios = ", ".join(ratio(value, of) for value, of in zip(figures, bases))
        p50, p99, push, cpu = map(microseconds, figures)
        yield (
            f"| {r.case.system.name} | {r.case.width}×{r.case.height} | {r.case.readers} | {p50} / {p99} | {push}"
            f" | {cpu} | {r.delivered:.1%} | {ratios} |"
        )


def unpaced_table(results):
    yield "| system, unpaced | picture | readers | publisher frames/s | each reader frames/s | ÷ cuframes |"
    yield "|---|---|---|---|---|---|"
    for r in results:
        base = baseline_of(r, results)
        yield (
            f"| {r.case.system.name} | {r.case.width}×{r.case.height} | {r.case.readers} | {r.publisher_rate:,.0f}"
            f" | {r.publisher_rate * r.delivered:,.0f}"
            f" | {ratio(r.publisher_rate, base and base.publisher_rate)} |"
        )


def wanted_systems(arguments):
    words = [word for word in arguments.systems.split(",") if word]
    for system in SYSTEMS:
        if system.memory != arguments.memory or (words and not any(word in system.name for word in words)):
            continue
        if system.available():
            yield system
        else:
            print(f"{system.name}: not installed here, left out", flush=True)


def cases(arguments, systems):
    sizes = [tuple(map(int, size.split("x"))) for size in arguments.sizes.split(",")]
    counts = [int(count) for count in arguments.readers.split(",")]
    for number, (width, height) in enumerate(sizes):
        for readers in counts if number == 0 else counts[:1]:
            for system in systems:
                yield Case(system, readers, width, height, arguments.rate, arguments.frames)


def unpaced_cases(arguments, systems):
    if arguments.unpaced:
        for case in cases(arguments, systems):
            if case.readers <= 4:
                yield dataclasses.replace(case, rate=0, frames=arguments.unpaced)


def run_all(bench, wanted):
    """Results of the cases that ran, and how many went wrong."""
    results, failures, broken = [], 0, []
    for case in wanted:
        title = f"{case.system.name}, {case.width}×{case.height}, {case.readers} readers, {case.rate or 'unpaced'}"
        try:
            result = bench.run(case)
        except ProgramError as error:
            print(f"{title}: {'FAIL' if case.system.is_ours else 'broke off'}: {error}", flush=True)
            broken.append(case.system)
            continue
        results.append(result)
        wrong = result.wrong()
        failures += bool(wrong)
        print(f"{title}: {'FAIL: ' + wrong if wrong else 'ok'}", flush=True)
    ran = {result.case.system for result in results}
    return results, failures + sum(system.is_ours or system not in ran for system in broken)


def can_isolate():
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run([ISOLATE, directory, "sh", "-c", ":"], stderr=subprocess.DEVNULL).returncode == 0


def main():
    arguments = parse_arguments()
    if arguments.isolate and not can_isolate():
        print("this kernel lets this user make no namespaces")
        return SKIPPED
    bench = Bench(arguments)
    systems = list(wanted_systems(arguments))
    paced, failures = run_all(bench, cases(arguments, systems))
    unpaced, more_failures = run_all(bench, unpaced_cases(arguments, systems))
    print()
    for line in paced_table(paced):
        print(line)
    if unpaced:
        print()
        for line in unpaced_table(unpaced):
            print(line)
    return 1 if failures or more_failures or not paced else 0


if __name__ == "__main__":
    sys.exit(main())
