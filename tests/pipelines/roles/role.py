# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every process of a table has: orders on stdin, events on stdout, both a line of JSON each; and a
pulse, which tells how long the machine did not let it run."""

import json
import os
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import GLib, Gst  # noqa: E402

# An exception in a callback would be printed and forgotten; here it ends the process.
sys.excepthook = lambda *what: (sys.__excepthook__(*what), sys.stderr.flush(), os._exit(70))
BEAT, LATE = 0.02, 0.03


def say(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def order():
    """The next order; None: whoever started this process is gone."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


class Pulse:
    def __init__(self):
        self.late = []
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self):
        before = time.monotonic()
        while True:
            time.sleep(BEAT)
            now = time.monotonic()
            if now - before - BEAT > LATE:
                self.late.append((now, now - before - BEAT))
            before = now


class Pipeline:
    """A pipeline that does what it is ordered: play, then eos or quit. `log` has a list for every place
    watched."""

    def __init__(self, line):
        Gst.init(None)
        self.pulse = Pulse()
        self.gst = Gst.parse_launch(line)
        if not isinstance(self.gst, Gst.Pipeline):
            pipeline = Gst.Pipeline.new(None)
            pipeline.add(self.gst)
            self.gst = pipeline
        self.loop = GLib.MainLoop()
        self.ended, self.warnings, self.said_first = None, [], False
        bus = self.gst.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._message)

    def run(self):
        """Until it ended or was ordered to; says what it is ready for."""
        say("ready")
        if order() is None:
            os._exit(1)
        self.began = time.monotonic()
        threading.Thread(target=self._obey, daemon=True).start()
        self.play()
        self.loop.run()

    def play(self):
        self.gst.set_state(Gst.State.PLAYING)

    def every(self, seconds, what):
        """For as long as it returns true."""
        GLib.timeout_add(int(seconds * 1000), what)

    def stop(self):
        self.gst.set_state(Gst.State.NULL)

    def watch(self, pad, log):
        pad.add_probe(Gst.PadProbeType.BUFFER, self._note, log)

    def note(self, buffer, caps, log):
        """Of every picture: when, which number, its PTS, and the running time it passed at."""
        clock, now = self.gst.get_clock(), time.monotonic()
        running = (clock.get_time() - self.gst.get_base_time()) / 1e9 if clock else None
        pts = None if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts / 1e9
        log.append((now, numbers.read(buffer, caps), pts, running))
        if not self.said_first:
            self.said_first = True
            say("first")

    def _note(self, pad, info, log):
        self.note(info.get_buffer(), pad.get_current_caps(), log)
        return Gst.PadProbeReturn.OK

    def _obey(self):
        while True:
            what = order()
            if what == "eos":
                GLib.idle_add(self.finish)
            else:
                GLib.idle_add(self._end, "quit")
                return

    def finish(self):
        self.gst.send_event(Gst.Event.new_eos())
        return False

    def _end(self, why):
        self.ended = self.ended or why
        self.loop.quit()
        return False

    def _message(self, bus, message):
        if message.type == Gst.MessageType.LATENCY:
            self.gst.recalculate_latency()
        elif message.type == Gst.MessageType.WARNING:
            self.warnings.append(message.parse_warning()[0].message)
        elif message.type == Gst.MessageType.ERROR:
            error, detail = message.parse_error()
            self._end(f"{message.src.get_name()}: {error.message} ({(detail or '').splitlines()[-1:]})")
        elif message.type == Gst.MessageType.EOS:
            self._end("eos")


def statistics(element):
    """Counts of a cuframes element."""
    structure = element.get_property("stats")
    values = {
        structure.nth_field_name(at): structure.get_value(structure.nth_field_name(at))
        for at in range(structure.n_fields())
        if structure.nth_field_name(at) != "subscribers"
    }
    return {name: value for name, value in values.items() if isinstance(value, (int, str))}
