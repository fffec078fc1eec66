# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the demo says at its end: sentences of what was promised, each with whether it was kept."""

import collections

# Beside a camera that itself is slow on a busy machine, and with windows of a few seconds that begin between frames.
GOOD_SHARE = 0.9
DURATION_TOLERANCE_SECONDS = 1.0

Window = collections.namedtuple("Window", "seconds published shown")
Recording = collections.namedtuple("Recording", "name seconds pictures")
Played = collections.namedtuple("Played", "seconds pictures written rising error")


def rate(mark, later):
    """Frames per second between two (time, count) reports of one child."""
    return (later[1] - mark[1]) / (later[0] - mark[0]) if later[0] > mark[0] else 0.0


def viewer_outcome(before, after):
    """Windows with the rates of the publisher and of the viewer, before and after the kill."""
    sentence = f"the viewer showed {before.shown:.1f} pictures/s before the kill and {after.shown:.1f} after"
    sentence += f", of {before.published:.1f} and {after.published:.1f} published"
    return sentence, all(keeps_pace(window) for window in (before, after))


def keeps_pace(window):
    one_picture = 1 / window.seconds if window.seconds else 0.0
    return window.published > 0 and window.shown >= GOOD_SHARE * window.published - one_picture


def recording_outcome(recording, played):
    """`recording` says what went into the file, `played` what came out of it."""
    if played.error:
        return f"{recording.name} does not play: {played.error}", False
    sentence = f"{recording.name} plays: {played.seconds:.1f} s, {played.pictures} pictures, "
    sentence += "times rise" if played.rising else "but times do not rise"
    complete = recording.pictures == played.written == played.pictures > 0
    if not complete:
        sentence += f"; {recording.pictures} were recorded and {played.written} are in the file"
    long_enough = abs(played.seconds - recording.seconds) <= DURATION_TOLERANCE_SECONDS
    if not long_enough:
        sentence += f"; the recording took {recording.seconds:.1f} s"
    return sentence, played.rising and complete and long_enough
