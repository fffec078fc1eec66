# SPDX-License-Identifier: LGPL-2.1-or-later
"""All sections of the table, and how each is run."""

import cameras
import packet_judge
import packet_lines
import packet_section
import section

SECTIONS = (*cameras.SECTIONS, *packet_lines.PACKET_SECTIONS)


def run(one):
    if isinstance(one, packet_lines.PacketSection):
        return section.run(one, packet_section.PacketRun, packet_judge.rows)
    return section.run(one)
