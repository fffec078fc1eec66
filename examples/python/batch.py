# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches cameras for a network: frames of one moment in one float tensor [N, 3, H, W], RGB from 0 to 1.

    python3 batch.py gate yard street door --height 384 --width 640

The pictures are converted and scaled where they are, by the colours that their caps say. A camera that brings nothing for
half a second is black, until it does.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import cuframes


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("keys", nargs="+", metavar="KEY")
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--count", type=int, default=10, help="batches to make (%(default)s)")
    options = parser.parse_args()

    with cuframes.group(options.keys, wait=0.5, connect_timeout=None) as group:
        for _ in range(options.count):
            # On a GPU nothing here waits for it: the frames may go as soon as the work that reads them is queued.
            with group.next() as batch:
                pictures = batch.to_tensor((options.height, options.width))
            means = ", ".join(f"({r:.2f} {g:.2f} {b:.2f})" for r, g, b in pictures.mean(dim=(2, 3)).tolist())
            print(f"{list(pictures.shape)} on {pictures.device}, mean colours {means}", flush=True)


if __name__ == "__main__":
    main()
