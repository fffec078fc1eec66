# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library's log in Python's: `logging.getLogger("cuframes")`.

A thread of the native module calls `emit()`, one line after the other, and so does this package. Where nobody has
configured logging, lines go to stderr as they do in programs without Python: warnings and errors, or what `$CUFRAMES_LOG`
says.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys

from . import _native

logger = logging.getLogger("cuframes")

WARNING = 2

_LEVELS = {1: logging.ERROR, WARNING: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG}
_NAMES = {1: "error", WARNING: "warning", 3: "info", 4: "debug"}


def emit(level: int, message: str) -> None:
    if logger.hasHandlers():
        logger.log(_LEVELS[level], "%s", message)
    elif level <= _level_for_stderr() and sys.stderr is not None:
        sys.stderr.write(f"cuframes: {_NAMES[level]}: {message}\n")


def _level_for_stderr() -> int:
    wanted = os.environ.get("CUFRAMES_LOG")
    return next((level for level, name in _NAMES.items() if name == wanted), WARNING)


os.register_at_fork(after_in_child=_native.begin_log_anew)
# What comes later, while the interpreter ends, goes to stderr without it.
atexit.register(_native.close_log)
