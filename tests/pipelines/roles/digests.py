# SPDX-License-Identifier: LGPL-2.1-or-later
"""By what a packet is known again in a file."""

import hashlib

LENGTH, PICTURES = 4, range(1, 6)


def digest(packet, is_h264):
    """Of H.264 the slices count: h264parse puts parameter sets before them where it begins."""
    return hashlib.sha1(b"".join(_slices(packet)) if is_h264 else packet).hexdigest()


def _slices(packet):
    """Of an access unit in the form avc."""
    at = 0
    while at + LENGTH < len(packet):
        size = int.from_bytes(packet[at : at + LENGTH], "big")
        if packet[at + LENGTH] & 0x1F in PICTURES:
            yield packet[at : at + LENGTH + size]
        at += LENGTH + size
