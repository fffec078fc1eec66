# SPDX-License-Identifier: LGPL-2.1-or-later
"""The launch lines of the demo's viewer, recorder and player: what people type, with default settings."""

import re

# A video sink's own settings: it waits for each picture's time and shows none that is more than 20 ms late.
SYNCED_SINK = (
    "fakesink name=sink sync=true qos=true max-lateness=20000000 processing-deadline=15000000 signal-handoffs=true"
)
# Each with what it needs before it: x264enc takes what software decoders and the GPU give.
ENCODERS = {"x264enc": "", "openh264enc": "videoconvert ! ", "nvh264enc": ""}


def quote(text):
    """A property value as gst-launch reads it."""
    if re.fullmatch(r"[\w./:@%?&=+~-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def download(publisher, exists):
    """What brings frames into host memory, where the publisher's may be on the GPU."""
    may_be_on_gpu = "nvh264dec" in publisher or "decodebin" in publisher
    return "cudadownload ! " if may_be_on_gpu and exists("cudadownload") else ""


def viewer_line(publisher, key, exists):
    return f"cuframessrc name=source key={key} ! {download(publisher, exists)}videoconvert ! {SYNCED_SINK}"


def recorder_line(publisher, key, exists):
    """None if this machine has no encoder. Ends in a filesink that lacks its location."""
    encoder = next((name for name in ENCODERS if exists(name)), None)
    if encoder is None or not exists("mp4mux"):
        return None
    # Of an unknown decoder's formats the encoder may take none.
    convert = "videoconvert ! " if "decodebin" in publisher else ENCODERS[encoder]
    return (
        f"cuframessrc name=source key={key} ! {download(publisher, exists)}{convert}{encoder}"
        " ! h264parse ! mp4mux ! filesink"
    )


def player_line(path, decoder):
    return f"filesrc location={quote(path)} ! qtdemux name=demuxer ! h264parse ! {decoder} ! fakesink name=sink sync=false"
