# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finds the pipeline that turns a camera, an RTSP address or a video file into decoded frames, and those to use them.

Run as a program it reports the launch lines for its argument, or what is wrong with it.
"""

import os
import sys

import gi

gi.require_version("GstPbutils", "1.0")
from child import GLib, Gst, fail, report  # noqa: E402
from gi.repository import GstPbutils  # noqa: E402
from lines import quote, recorder_line, viewer_line  # noqa: E402

# libav's direct rendering keeps every frame mapped for writing, for which reason GStreamer duplicates it on its way
# out: without it the decoder writes its output straight into the ring's memory.
H264_DECODERS = ("nvh264dec", "avdec_h264", "openh264dec")
DEMUXERS = {"video/quicktime": "qtdemux", "video/x-matroska": "matroskademux", "video/mpegts": "tsdemux"}
PROBE_SECONDS = 15


def exists(name):
    return Gst.ElementFactory.find(name) is not None


def works(decoder):
    """Whether the decoder is installed and opens its device."""
    factory = Gst.ElementFactory.find(decoder.split()[0])
    element = factory and factory.create()
    if element is None:
        return False
    opened = element.set_state(Gst.State.READY) != Gst.StateChangeReturn.FAILURE
    element.set_state(Gst.State.NULL)
    return opened


def h264_decoder():
    return next((name for name in H264_DECODERS if works(name)), None)


def rtsp_line(url, decoder, latency_ms=None):
    latency = f" latency={latency_ms}" if latency_ms is not None else ""
    return f"rtspsrc location={quote(url)}{latency} ! rtph264depay ! h264parse ! {decoder}"


def file_line(path, container, decoder):
    return f"filesrc location={quote(path)} ! {DEMUXERS.get(container, 'parsebin')} ! h264parse ! {decoder}"


def media_type(stream):
    return stream.get_caps().to_string().split(",")[0]


def look_at(uri):
    """Media types of the container and of its first video stream; ends the program if there is no video."""
    try:
        info = GstPbutils.Discoverer.new(PROBE_SECONDS * Gst.SECOND).discover_uri(uri)
    except GLib.Error as error:
        fail(f"cannot read {uri}: {error.message}")
    if info.get_result() == GstPbutils.DiscovererResult.TIMEOUT:
        fail(f"cannot read {uri}: nothing came within {PROBE_SECONDS} s")
    streams = info.get_video_streams()
    if not streams:
        fail(f"there is no video in {uri}")
    # Sound is not needed: what may be missing for it is no reason to stop.
    lacking = [what for what in info.get_missing_elements_installer_details() if "decoder-audio/" not in what]
    if lacking:
        fail(f"cannot decode {uri}: GStreamer lacks {', '.join(lacking)}")
    return media_type(info.get_stream_info()), media_type(streams[0])


def describe(source):
    """The launch line for what the user named, and whether it ends and so must be played in a loop."""
    is_url = "://" in source
    if not is_url and not os.path.isfile(source):
        fail(f"no such file: {source}")
    uri = source if is_url else Gst.filename_to_uri(os.path.abspath(source))
    container, video = look_at(uri)
    decoder = h264_decoder() if video == "video/x-h264" else None
    is_live = is_url and not uri.startswith("file:")
    if decoder and uri.startswith("rtsp"):
        return rtsp_line(uri, decoder), False
    if decoder and not is_url:
        return file_line(source, container, decoder), True
    return f"uridecodebin uri={quote(uri)}", not is_live


def camera_line(url):
    """The line for the demo's own camera. On the loopback there is no jitter to buffer two seconds for."""
    decoder = h264_decoder()
    if decoder is None:
        fail(f"no H.264 decoder is installed: one of {', '.join(H264_DECODERS)} is needed")
    return rtsp_line(url, decoder, latency_ms=100), False


def main():
    Gst.init(None)
    kind, source, key = sys.argv[1:4]
    line, loop = camera_line(source) if kind == "camera" else describe(source)
    viewer, recorder = viewer_line(line, key, exists), recorder_line(line, key, exists)
    report(event="line", line=line, loop=loop, viewer=viewer, recorder=recorder, decoder=h264_decoder())


if __name__ == "__main__":
    main()
