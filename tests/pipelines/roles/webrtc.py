# SPDX-License-Identifier: LGPL-2.1-or-later
"""webrtc.py LINE VIEWER: two peers of a WebRTC call, as a page and its server are, in pipelines of their own:
LINE has a webrtcbin that sends, VIEWER one that receives. Notes what the viewer's sink shows."""

import sys

import gi

gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402
from role import Pipeline, say, statistics  # noqa: E402


class Peer:
    """A webrtcbin. What it answers comes in the main loop, not in its own thread, which may ask nothing."""

    def __init__(self, pipeline):
        self.element = numbers.elements_of(pipeline, "webrtcbin")[0]
        # Its agent leaves the loopback interface out. Kept: PyGObject would take the element's reference with it.
        self.agent = self.element.get_property("ice-agent")
        self.agent.emit("add-local-ip-address", "127.0.0.1")

    def candidates_to(self, other):
        self.element.connect(
            "on-ice-candidate",
            lambda _, line, candidate: later(other.element.emit, "add-ice-candidate", line, candidate),
        )

    def create(self, what, then):
        """An offer or an answer; `then` gets its text."""
        self.emit(f"create-{what}", None, lambda reply: then(reply.get_value(what).sdp.as_text()))

    def describe(self, whose, what, text, then=lambda: None):
        """Tells it its own (`local`) or the other's (`remote`) side of the call."""
        result, message = GstSdp.SDPMessage.new_from_text(text)
        assert result == GstSdp.SDPResult.OK, result
        kind = getattr(GstWebRTC.WebRTCSDPType, what.upper())
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self.emit(f"set-{whose}-description", description, lambda _: later(then))

    def emit(self, signal, argument, then):
        def replied(promise):
            reply = promise.get_reply()
            if reply and reply.has_field("error"):
                raise RuntimeError(f"{signal}: {reply.get_value('error').message}")
            then(reply)

        self.element.emit(signal, argument, Gst.Promise.new_with_change_func(replied))


class Viewer(Pipeline):
    def finish(self):
        """A call is hung up: it has no end of stream."""
        return self._end("eos")


def later(what, *arguments):
    GLib.idle_add(lambda: what(*arguments) and False)


def call(sender, viewer):
    def offered(text):
        sender.describe("local", "offer", text)
        viewer.describe("remote", "offer", text, lambda: viewer.create("answer", answered))

    def answered(text):
        viewer.describe("local", "answer", text)
        sender.describe("remote", "answer", text)

    sender.candidates_to(viewer)
    viewer.candidates_to(sender)
    sender.element.connect("on-negotiation-needed", lambda _: later(sender.create, "offer", offered))


sending, pipeline = Pipeline(sys.argv[1]), Viewer(sys.argv[2])
sending.loop = pipeline.loop
shown, left = [], []
source = numbers.elements_of(sending.gst, "cuframessrc")[0]
sending.watch(source.get_static_pad("src"), left)
sink = numbers.elements_of(pipeline.gst, "fakesink")[0]
sink.set_property("signal-handoffs", True)
sink.connect("handoff", lambda _, buffer, pad: pipeline.note(buffer, pad.get_current_caps(), shown))
call(Peer(sending.gst), Peer(pipeline.gst))
later(sending.gst.set_state, Gst.State.PLAYING)
pipeline.run()
stats = statistics(source)
sending.stop()
pipeline.stop()
say(
    "result",
    ended=sending.ended or pipeline.ended,
    began=pipeline.began,
    left=[left],
    shown=shown,
    stats=[stats],
    warnings=pipeline.warnings + sending.warnings,
    late=pipeline.pulse.late,
)
