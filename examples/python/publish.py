# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishes pictures from numpy: here a bar that moves over a grey ground.

    python3 publish.py my-key

Each picture is drawn straight into the ring, so that nothing is copied. Where a picture exists already,
`publisher.send(picture)` copies it once.
"""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import cuframes
import numpy


def draw(picture: "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.uint8]]", number: int) -> None:
    """A red bar, at another place in each picture of RGB, (H, W, 3)."""
    left = 4 * number % picture.shape[1]
    picture[...] = 96
    picture[:, left : left + 16] = (255, 0, 0)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("key")
    parser.add_argument("--count", type=int, default=0, help="pictures to publish; 0: until interrupted")
    parser.add_argument("--rate", type=float, default=25, help="pictures per second (%(default)s)")
    options = parser.parse_args()

    with cuframes.publish(options.key, framerate=options.rate) as publisher:
        publisher.configure("RGB", 640, 360)
        number = 0
        while not options.count or number < options.count:
            with publisher.acquire() as slot:  # published at the end of the block
                draw(numpy.asarray(slot.planes[0]), number)
            number += 1
            time.sleep(1 / options.rate)
        publisher.eos()
        print(f"published {publisher.stats()['published']}, {publisher.stats()['copied']} of them copied")


if __name__ == "__main__":
    main()
