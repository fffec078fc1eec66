# SPDX-License-Identifier: LGPL-2.1-or-later
"""packet_recording.py FILE…: demuxes recordings with PyAV, and says what is in them: hash, PTS and DTS of every packet, and
the duration that the file tells; of the first one, number and time of every picture, and when there are beeps."""

import array
import sys

import av
import numbers_in_pictures as numbers
from digests import digest
from role import say

LOUD, SILENCE = 0.2, 0.2


def seconds(value, base):
    return None if value is None else float(value * base)


def packets(path):
    with av.open(path) as file:
        found = [
            (digest(bytes(one), True), seconds(one.pts, one.time_base), seconds(one.dts, one.time_base))
            for one in file.demux(video=0)
            if one.size
        ]
        return found, None if file.duration is None else file.duration / av.time_base


def pictures(path):
    with av.open(path) as file:
        return [(numbers.read_luma(bytes(one.planes[0])), one.time) for one in file.decode(video=0)]


def beeps(path):
    """When each begins, in s of the file: what is loud after it was silent for some time."""
    found, loud_at = [], -1.0
    with av.open(path) as file:
        if not file.streams.audio:
            return found
        for frame in file.decode(audio=0):
            for at, sample in enumerate(array.array("f", bytes(frame.planes[0]))[: frame.samples]):
                time = frame.time + at / frame.sample_rate
                if abs(sample) > LOUD:
                    if time - loud_at > SILENCE:
                        found.append(time)
                    loud_at = time
    return found


def contents(path, decodes):
    try:
        found, duration = packets(path)
        return {
            "packets": found,
            "pictures": pictures(path) if decodes else None,
            "beeps": beeps(path) if decodes else None,
            "duration": duration,
            "error": None,
        }
    except av.FFmpegError as error:
        return {"error": str(error)}


say("result", files=[contents(path, path == sys.argv[1]) for path in sys.argv[1:]])
