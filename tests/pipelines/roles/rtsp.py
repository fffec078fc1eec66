# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtsp.py LINE: an RTSP server, of a camera or of a key. Says the port it listens on."""

import sys
import threading

import gi

gi.require_version("GstRtspServer", "1.0")
import numbers_in_pictures as numbers  # noqa: E402
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402
from role import order, say  # noqa: E402

Gst.init(None)
loop = GLib.MainLoop()
server = GstRtspServer.RTSPServer(service="0", address="127.0.0.1")
# Every client gets a stream of its own, from its first packet on: who comes to a shared one between the packets of a
# keyframe decodes pictures without their upper part up to the next.
factory = GstRtspServer.RTSPMediaFactory(shared=False)
factory.set_launch(f"( {sys.argv[1]} )")
factory.connect("media-configure", lambda _, media: numbers.number_pictures(media.get_element()))
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
say("ready", port=server.get_bound_port())
threading.Thread(target=lambda: (order() == "play" and order(), loop.quit()), daemon=True).start()
loop.run()
say("result", late=[])
