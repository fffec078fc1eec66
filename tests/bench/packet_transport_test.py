# SPDX-License-Identifier: LGPL-2.1-or-later
"""A short run of packet_transport.py: every system that is installed delivers every packet, and has its row, with figures
in it. How large they are is not asked of a machine that does other things."""

import os
import re
import subprocess
import sys
import unittest

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packet_transport.py")
SYSTEMS = ("cuframes", "unixfd", "shm", "rtsp")


class ShortRun(unittest.TestCase):
    def test_every_system_delivers_and_has_its_row(self):
        arguments = ["--floor", "--systems", ",".join(SYSTEMS), "--readers", "2", "--mbit", "4", "--seconds", "0.5"]
        run = subprocess.run([sys.executable, BENCH, *arguments], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        rows = [line.strip("| ").split(" | ") for line in run.stdout.splitlines() if line.startswith("| ")]
        headings, figures = rows[0], {row[0]: row[1:] for row in rows[1:]}
        missing = re.findall(r"^(\w+): its elements are not installed$", run.stdout, re.MULTILINE)
        self.assertNotIn("cuframes", missing)
        self.assertEqual(sorted([*figures, *missing]), sorted(["floor", *SYSTEMS]), run.stdout)
        for system, cells in figures.items():
            self.assertEqual(len(cells), len(headings) - 1, run.stdout)
            unknown = {headings[i + 1] for i, cell in enumerate(cells) if not re.fullmatch(r"[\d., ]+", cell)}
            unmeasured = {
                "floor": {"age p50, p99 µs", "each reader"},
                "rtsp": {"push p50, p99 µs"},
            }
            self.assertEqual(unknown, unmeasured.get(system, set()), run.stdout)


if __name__ == "__main__":
    unittest.main()
