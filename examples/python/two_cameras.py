# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cameras in one asyncio loop: no threads, each camera wakes its own task when it has a frame.

python3 two_cameras.py cam-gate cam-yard
"""

import asyncio
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import cuframes


async def watch(key: str) -> int:
    """Counts a camera's frames until its stream ends."""
    async with cuframes.Subscriber(key, on_gone="wait") as subscriber:
        async for frame in subscriber:
            with frame:
                print(f"{key}: frame {frame.seq}, {frame.format} {frame.width}x{frame.height}", flush=True)
        return subscriber.frames_received


async def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("keys", nargs="+", metavar="KEY")
    options = parser.parse_args()

    counts = await asyncio.gather(*map(watch, options.keys))
    for key, count in zip(options.keys, counts):
        print(f"{key} ended after {count} frames")


if __name__ == "__main__":
    asyncio.run(main())
