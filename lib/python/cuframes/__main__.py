# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is shared on this host, from a shell: `python -m cuframes list`, `info KEY`, `snap KEY FILE`.

The command `cuframes` does all that and more; this is for where only the Python package is. Exit codes are those of the
command: 0 done, 1 it failed and standard error says why, 2 bad usage, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from . import _native
from ._inspection import Ring, inspect, list_rings
from ._subscriber import subscribe
from .errors import Error, InvalidArgument

PROGRAM = "python -m cuframes"


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read this has seen enough; Python is not to complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except (Error, ImportError, OSError, ValueError, TypeError, BufferError) as error:
        print(f"{PROGRAM} {chosen.verb}: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidArgument) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="What is shared on this host, and by whom.")
    parser.add_argument("--version", action="version", version=f"cuframes {_native.version_string()}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", aliases=["ls"], help="all keys, a line for each")
    listing.set_defaults(run=_list)
    told = verbs.add_parser("info", help="all about one key")
    told.set_defaults(run=_info)
    snap = verbs.add_parser("snap", help="the newest picture of a key as a file")
    snap.set_defaults(run=_snap)
    for one in (told, snap):
        one.add_argument("key", metavar="KEY")
    snap.add_argument(
        "file", metavar="FILE", help="its kind is that of the name: .png, .jpg and what else Pillow writes"
    )
    snap.add_argument("--timeout", type=seconds, default=5.0, metavar="SECONDS", help="wait so long for a picture (5)")
    for one in (listing, told, snap):
        one.add_argument("--dir", metavar="DIR", help="where the sockets are, if not where readers look")
    return parser


def seconds(text: str) -> float:
    """By this name where it is none."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def _list(chosen: argparse.Namespace) -> int:
    rings = list_rings(directory=chosen.dir)
    if not rings:
        print(f"nothing is shared in {chosen.dir or _native.default_directory()}", file=sys.stderr)
        return 0
    rows = [("KEY", "STATE", "CONTENT", "RATE", "READERS", "PUBLISHER")]
    rows += [
        (ring.key, ring.state, _content(ring), f"{ring.rate:.1f}/s", str(len(ring.subscribers)), _publisher(ring))
        for ring in rings
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


_COUNTS = {"memory": "memory, bytes", "subscribers": "readers", "last_sequence": "newest number"}


def _info(chosen: argparse.Namespace) -> int:
    ring = inspect(chosen.key, directory=chosen.dir)
    facts: dict[str, Any] = {
        "key": ring.key,
        "state": ring.state,
        "why": ring.message,
        "socket": ring.path,
        "publisher": _publisher(ring),
        "content": _content(ring),
        "memory": " ".join(filter(None, (ring.memory, ring.gpu_uuid))),
        "caps": ring.caps,
        "policy": ring.policy,
        "rate": f"{ring.rate:.1f}/s",
        "newest": "none yet" if ring.age is None else f"{ring.age * 1000:.1f} ms ago",
    }
    facts.update({_COUNTS.get(name, name): value for name, value in ring.stats.items()})
    facts.update({f"window {name}": value for name, value in (ring.window or {}).items()})
    for name, value in facts.items():
        if value != "":
            print(f"{name.replace('_', ' '):18} {value}")
    for reader in ring.subscribers:
        counts = ", ".join(f"{name} {reader[name]}" for name in ("held", "lag", "received", "skipped", "lost"))
        print(f"{'reader':18} {reader['name']} (pid {reader['pid']}), {reader['mode']}: {counts}")
    return 0 if ring.state in ("live", "waiting", "ended") else 1


def _snap(chosen: argparse.Namespace) -> int:
    with (
        subscribe(chosen.key, "snap", connect_timeout=chosen.timeout, directory=chosen.dir) as subscriber,
        subscriber.next_frame(timeout=chosen.timeout) as frame,
    ):
        frame.save(chosen.file)
    return 0


def _content(ring: Ring) -> str:
    if ring.format:
        return f"{ring.format} {ring.width}x{ring.height} {ring.memory}"
    return ring.caps.partition(",")[0] or ring.content


def _publisher(ring: Ring) -> str:
    return f"{ring.program or 'unknown'} (pid {ring.pid})" if ring.pid else ring.program


if __name__ == "__main__":
    sys.exit(main())
