# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's own camera: an RTSP server on the loopback interface that streams a moving test picture as H.264."""

import sys

import gi

gi.require_version("GstRtspServer", "1.0")
from child import GLib, Gst, fail, report  # noqa: E402
from gi.repository import GstRtspServer  # noqa: E402

# A key frame twice a second, so that a publisher that joins late has a picture at once.
ENCODERS = {
    "x264enc": "x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 key-int-max=15",
    "openh264enc": "openh264enc complexity=low bitrate=4000000 gop-size=15",
    "nvh264enc": "nvh264enc zerolatency=true bitrate=4000 gop-size=15",
}
OVERLAY = "timeoverlay valignment=bottom ! clockoverlay halignment=right"


def exists(name):
    return Gst.ElementFactory.find(name) is not None


def launch_line(width, height, rate):
    encoder = next((line for name, line in ENCODERS.items() if exists(name)), None)
    if encoder is None:
        fail(f"the demo's camera needs an H.264 encoder: one of {', '.join(ENCODERS)}; or name a video file instead")
    # The text overlays are in a package of their own that need not be there.
    overlay = OVERLAY if exists("timeoverlay") and exists("clockoverlay") else "identity"
    return (
        "( videotestsrc is-live=true pattern=ball foreground-color=0xfff6d32d background-color=0xff26527d"
        f" ! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1 ! {overlay}"
        f" ! {encoder} ! video/x-h264,profile=baseline ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )


def serve(line):
    """Starts the server on a free port; returns it and its address."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(line)
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        fail("the demo's camera cannot listen on 127.0.0.1")
    return server, f"rtsp://127.0.0.1:{server.get_bound_port()}/cam"


def main():
    Gst.init(None)
    width, height, rate = (int(argument) for argument in sys.argv[1:4])
    server, url = serve(launch_line(width, height, rate))
    report(event="ready", url=url, server=server.get_address())
    loop = GLib.MainLoop()
    # Nothing is ever written to our stdin: readable means closed, and the demo over.
    GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, lambda *_: loop.quit())
    loop.run()


if __name__ == "__main__":
    main()
