# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's live table: redrawn in place on a terminal, printed once in a while elsewhere."""

import shutil
import sys
import time

COLUMNS = (
    ("process", 14),
    ("pid", 8),
    ("state", 10),
    ("fps", 6),
    ("latency p50", 12),
    ("p99", 9),
    ("frames", 8),
    ("skipped", 8),
    ("lost", 6),
    ("held", 5),
    ("copied", 7),
)
REDRAW_SECONDS = 0.25
LINE_SECONDS = 2.0
GREEN, YELLOW, RED, BOLD, DIM, RESET = "\033[32m", "\033[33m", "\033[31m", "\033[1m", "\033[2m", "\033[0m"
STATE_COLOURS = {"live": GREEN, "attached": GREEN, "waiting": YELLOW, "starting": YELLOW, "gone": RED, "killed": RED}


def milliseconds(seconds):
    return f"{seconds * 1000:.2f} ms"


class Table:
    """`rows()` gives, for each process, the cells of COLUMNS; None is shown as a dash."""

    def __init__(self, rows, plain=False, out=sys.stdout):
        self._rows = rows
        self._out = out
        self._in_place = out.isatty() and not plain
        self._lines_drawn = 0
        self._start = time.monotonic()

    @property
    def interval(self):
        return REDRAW_SECONDS if self._in_place else LINE_SECONDS

    def say(self, text, style=BOLD):
        """Prints a line above the table, with the time since the start."""
        self._erase()
        stamp = f"{time.monotonic() - self._start:6.1f} s  "
        self._print(f"{stamp}{style}{text}{RESET}" if self._in_place else stamp + text)
        self._draw_in_place()

    def refresh(self):
        if self._in_place:
            self._erase()
            self._draw_in_place()
        else:
            for line in self._lines():
                self._print("    " + line)

    def close(self):
        """Leaves the last table standing."""
        self._lines_drawn = 0

    def _draw_in_place(self):
        if not self._in_place:
            return
        width = shutil.get_terminal_size().columns
        # A line that wraps would take two rows, and _erase() would go up too few.
        lines = ["", *(line[: width - 1] for line in self._lines())]
        for line in lines:
            self._print(self._coloured(line))
        self._lines_drawn = len(lines)

    def _erase(self):
        if self._lines_drawn:
            self._out.write(f"\033[{self._lines_drawn}A\033[J")
            self._lines_drawn = 0

    def _lines(self):
        yield self._format(title for title, _ in COLUMNS)
        for row in self._rows():
            yield self._format("-" if cell is None else str(cell) for cell in row)

    @staticmethod
    def _format(cells):
        cells = [
            cell.ljust(width) if i in (0, 2) else cell.rjust(width)
            for i, (cell, (_, width)) in enumerate(zip(cells, COLUMNS))
        ]
        return "  ".join(cells).rstrip()

    @staticmethod
    def _coloured(line):
        for state, colour in STATE_COLOURS.items():
            line = line.replace(f" {state} ", f" {colour}{state}{RESET} ", 1)
        return line

    def _print(self, line):
        print(line, file=self._out, flush=True)
