# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads a camera for years: what to do when its publisher is late, silent, killed, or ends.

    python3 reconnect.py cam-gate

Nothing has to be opened again: the same subscriber waits for the next publisher, in the kernel, and goes on.
Programs that need not know of it pass `on_gone="wait"`.
"""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import cuframes

SILENCE_MS = 1000
REFUSED_PAUSE_S = 2.0


def say(text: str) -> None:
    print(text, flush=True)


def follow(subscriber: cuframes.Subscriber) -> None:
    """Uses every frame there is; returns when the stream has ended."""
    while True:
        try:
            with subscriber.next_frame(timeout_ms=SILENCE_MS) as frame:
                if frame.discontinuity:
                    say(f"frames from epoch {frame.epoch:x}, the first is {frame.seq}")
        except cuframes.FrameTimeout:
            say(f"nothing for {SILENCE_MS} ms; state {subscriber.stats()['state']}")
        except cuframes.EndOfStream:
            return
        except cuframes.PublisherGone:
            say("the publisher is gone; waiting for the next one")
        except (cuframes.RingFull, cuframes.AccessDenied, cuframes.ProtocolMismatch) as refusal:
            # A publisher is there, and does not want us: that may change, so ask again, but not at once.
            say(f"refused: {refusal}")
            time.sleep(REFUSED_PAUSE_S)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("key")
    options = parser.parse_args()

    # The constructor connects with the first frame, so that the loop above handles the first publisher too.
    with cuframes.Subscriber(options.key) as subscriber:
        follow(subscriber)
        stats = subscriber.stats()
    counts = ", ".join(f"{name} {stats[name]}" for name in ("frames_received", "skipped", "reconnects"))
    say(f"the stream ended: {counts}")


if __name__ == "__main__":
    main()
