#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encoded packets from one process to others: how long handing one on takes, how old it is when a reader has it, and what
both cost.

    packet_transport.py [--floor] [--systems cuframes,unixfd,shm,rtsp] [--readers 1,8] [--mbit 4,40] [--seconds 5]

A stream of 30 packets a second is pushed into each system's sink by its pad, in one process, and taken in as many
processes as there are readers. Nothing is decoded, and no clock holds anything up. Each reader looks whether it got every
packet, whole and in order; who did not ends the run with an error. What is measured begins when all readers have come.

CPU is that of the whole process for each packet, in which Python makes the packets on one side and looks at them on the
other. What is left of it where nothing is handed on, and what copying a packet takes alone, is in the row that --floor
adds."""

import argparse
import contextlib
import os
import sys
import tempfile

import gi
from packet_peers import RATE, SINKS, SOURCES
from programs import Program, ProgramError

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packet_peers.py")
HEADINGS = ("system", "Mbit/s", "readers", "push p50, p99 µs", "age p50, p99 µs", "CPU µs: publisher", "each reader")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def both(values):
    return f"{percentile(values, 0.5):.0f}, {percentile(values, 0.99):.0f}" if values else "-"


def is_installed(system):
    if system == "rtsp":
        try:
            gi.require_version("GstRtspServer", "1.0")
        except ValueError:
            return False
        return bool(Gst.ElementFactory.find("rtspsrc") and Gst.ElementFactory.find("rtpgstpay"))
    return all(Gst.ElementFactory.find(table[system].split()[0]) for table in (SINKS, SOURCES))


def peer(stack, *arguments):
    return stack.enter_context(Program([sys.executable, PEERS, *map(str, arguments)]))


def check(name, report, count):
    if report["numbers"] != list(range(count)) or report["damaged"]:
        got = len(report["numbers"])
        raise ProgramError(f"{name}: a reader has {got} of {count} packets, {report['damaged']} of them damaged")


def measure(system, readers, mbit, count):
    """A row of the table."""
    size = int(mbit * 1e6 / 8 / RATE)
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        publisher = peer(stack, "publish", system, directory, size, count)
        port = publisher.expect("ready")["port"]
        all_readers = [peer(stack, "read", system, directory, size, port) for _ in range(readers)]
        for one in all_readers:
            one.expect("ready")
        publisher.tell("m")
        seconds = count / RATE + 30
        ours = publisher.expect("measured", seconds)
        theirs = [one.expect("measured", seconds) for one in all_readers]
    for one in theirs:
        check(system, one, count)
    ages = [age for one in theirs for age in one["ages"]]
    pushes = ours["pushes"][:count] if system != "rtsp" else []
    cpu = f"{sum(one['cpu'] for one in theirs) / readers:.0f}" if readers else "-"
    return system, mbit, readers, both(pushes), both(ages), f"{ours['cpu']:.0f}", cpu


def measure_others_again(system, *arguments):
    """What measure() gives. Of others than cuframes it is no news that they stumble on a busy machine: an RTSP server lets a
    client go that does not take the packets of one picture at once."""
    for _ in range(2 if system != "cuframes" else 0):
        with contextlib.suppress(ProgramError):
            return measure(system, *arguments)
        print(f"{system}: once more", file=sys.stderr)
    return measure(system, *arguments)


def row(cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default="cuframes,unixfd,shm,rtsp")
    parser.add_argument("--readers", default="1,8")
    parser.add_argument("--mbit", default="4,40")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--floor", action="store_true", help="a row with the copy of a packet by itself")
    options = parser.parse_args()
    Gst.init(None)
    systems = [system for system in options.systems.split(",") if is_installed(system)]
    count = max(2, round(options.seconds * RATE))
    row(HEADINGS)
    print("|---|" + "---:|" * (len(HEADINGS) - 1))
    try:
        for mbit in options.mbit.split(","):
            if options.floor:
                row(measure("floor", 0, float(mbit), count))
            for readers in options.readers.split(","):
                for system in systems:
                    row(measure_others_again(system, int(readers), float(mbit), count))
    except ProgramError as problem:
        sys.exit(f"FAIL {problem}")
    for system in sorted(set(options.systems.split(",")) - set(systems)):
        print(f"\n{system}: its elements are not installed")


if __name__ == "__main__":
    main()
