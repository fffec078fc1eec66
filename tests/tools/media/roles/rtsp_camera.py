# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtsp_camera.py PORT LINE: an RTSP camera with numbered pictures, at /cam; port 0: any. Says the port it listens on. Every
client gets a stream of its own, from number 0 on."""

import sys

import gi

gi.require_version("GstRtspServer", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402
from role import say  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer(service=sys.argv[1], address="127.0.0.1")
factory = GstRtspServer.RTSPMediaFactory(shared=False)
factory.set_launch(f"( {sys.argv[2]} )")
factory.connect("media-configure", lambda _, media: numbers.number_pictures(media.get_element()))
server.get_mount_points().add_factory("/cam", factory)
if not server.attach(None):
    sys.exit(f"port {sys.argv[1]} is in use")
say("ready", port=server.get_bound_port())
GLib.MainLoop().run()
