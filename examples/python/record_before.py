# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records what happened before, and after: a camera's packets from some seconds ago on, as they are (PyAV 17 or newer).

    python3 record_before.py event.mp4 cam-gate.h264 --preroll 10 --seconds 20
    python3 record_before.py event.mkv cam-gate.h264 cam-gate.opus

The file begins with the keyframe at or before that time. Nothing is decoded or encoded. Further keys, such as one with
sound, begin where the first one does, and have the same clock: they are in sync.
"""

import asyncio
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import av
import cuframes
from av.stream import Stream

SECOND = 1_000_000_000


class Recording:
    """A file, the time in it that is 0, and the time at which it ends."""

    def __init__(self, output: av.container.OutputContainer, origin: int, end: int) -> None:
        self.output, self.origin, self.end = output, origin, end

    async def copy(self, source: cuframes.PacketSubscriber, packet: cuframes.Packet, stream: Stream) -> None:
        """All packets of a key, from this one on, until the end of the recording or of the stream."""
        try:
            while packet.pts_ns < self.end:
                self.output.mux(packet.to_av(stream, origin=self.origin))
                packet = await source.next_packet_async()
        except cuframes.PublisherGone as end:
            print(f"{source.key}: {end}")
        print(f"{source.key}: {source.packets_received} packets, {source.gap_count} missed", flush=True)


async def record(file: str, keys: list[str], preroll: float, seconds: float) -> None:
    now = time.monotonic_ns()
    first = cuframes.subscribe_packets(keys[0], preroll=preroll)
    packet = await first.next_packet_async()
    print(f"begins {(now - packet.pts_ns) / 1e9:.1f} s ago", flush=True)
    sources = [first, *(cuframes.subscribe_packets(key, since=packet.pts_ns) for key in keys[1:])]
    packets = [packet, *[await source.next_packet_async() for source in sources[1:]]]
    with av.open(file, "w") as output:
        streams = [cuframes.packets.add_stream(output, packet) for packet in packets]
        recording = Recording(output, packet.pts_ns, now + int(seconds * SECOND))
        await asyncio.gather(*map(recording.copy, sources, packets, streams))
    for source in sources:
        source.close()


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("keys", nargs="+", help="of packets; the first says where the file begins")
    parser.add_argument("--preroll", type=float, default=10, help="seconds from before the start (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="seconds from then on (%(default)s)")
    options = parser.parse_args()
    asyncio.run(record(options.file, options.keys, options.preroll, options.seconds))


if __name__ == "__main__":
    main()
