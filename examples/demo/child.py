# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the demo's child processes share: one pipeline each, commands on stdin, reports as JSON lines on stdout.

A child ends when its pipeline does, when it fails, or when its stdin is closed. The last one means that no child
outlives the demo, however that ends: the kernel closes the pipe.
"""

import json
import os
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

REPORT_INTERVAL_MS = 250


def report(**fields):
    """Sends one line to the demo. A single write, so that lines of several threads do not mix."""
    try:
        os.write(1, (json.dumps(fields) + "\n").encode())
    except BrokenPipeError:
        os._exit(1)


def fail(message):
    """Reports why this process cannot go on, in words for the user, and ends it."""
    report(event="error", message=message)
    sys.exit(1)


class Child:
    """Runs one pipeline; subclasses override the on_… methods."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.loop = GLib.MainLoop()
        self.exit_code = 0
        self._pending_input = b""
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._dispatch_message)
        GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, self._read_input)
        GLib.timeout_add(REPORT_INTERVAL_MS, self._report_tick)
        # Ctrl-C is the demo's business: it closes our stdin when it is done with us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self):
        """Plays until something ends the loop; returns the process's exit code."""
        if self.pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            self._report_pending_error()
            return 1
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return self.exit_code

    def on_tick(self):
        """Called a few times a second, to report."""

    def on_message(self, message):
        """Called for every bus message but errors and end of stream."""

    def on_command(self, words):
        """Called for every line the demo writes to our stdin."""

    def on_eos(self):
        self.on_tick()
        report(event="eos")
        self.loop.quit()

    def on_input_closed(self):
        self.loop.quit()

    def _report_tick(self):
        self.on_tick()
        return GLib.SOURCE_CONTINUE

    def _dispatch_message(self, _bus, message):
        if message.type == Gst.MessageType.ERROR:
            self._report_error(message)
            self.exit_code = 1
            self.loop.quit()
        elif message.type == Gst.MessageType.EOS:
            self.on_eos()
        elif message.type == Gst.MessageType.LATENCY:
            # As gst-launch does; the pipeline does not do it by itself.
            self.pipeline.recalculate_latency()
        else:
            self.on_message(message)

    def _report_error(self, message):
        error, debug = message.parse_error()
        report(event="error", message=f"{message.src.get_name()}: {error.message}", debug=debug or "")

    def _report_pending_error(self):
        message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        if message:
            self._report_error(message)
        else:
            report(event="error", message="the pipeline does not start")

    def _read_input(self, _channel, _condition):
        data = os.read(0, 4096)
        if not data:
            self.on_input_closed()
            return GLib.SOURCE_REMOVE
        *lines, self._pending_input = (self._pending_input + data).split(b"\n")
        for line in lines:
            self.on_command(line.decode().split())
        return GLib.SOURCE_CONTINUE


def pick(structure, *names):
    """These fields of a GstStructure, as a dictionary."""
    return {name: structure.get_value(name) for name in names}
