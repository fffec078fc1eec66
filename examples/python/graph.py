# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a network over live cameras by a CUDA graph: captured once, replayed for every batch.

    python3 graph.py gate yard street door --size 224

A graph has its addresses built in, and each frame lies elsewhere: so every batch is written into the graph's own input, on
the stream on which the graph is replayed, and the frames may go as soon as that is queued. Cameras may publish, and be read
by other threads, while the graph is captured. Where there is no GPU the same network runs without a graph.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any

import cuframes
import torch


def network() -> torch.nn.Module:
    """In place of yours: a score for each of ten classes."""
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, stride=4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 10),
    ).eval()


def capture(model: torch.nn.Module, pictures: torch.Tensor) -> Callable[[], torch.Tensor]:
    """What computes the model's output of what `pictures` hold by then; by a graph into the same tensor each time."""

    def run() -> torch.Tensor:
        scores: torch.Tensor = model(pictures)
        return scores

    if pictures.device.type != "cuda":
        return run
    cuda: Any = torch.cuda  # Not all of it is typed.
    side = cuda.Stream()
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        for _ in range(3):  # Libraries make their plans and workspaces, which a capture does not allow.
            run()
    cuda.current_stream().wait_stream(side)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        scores = run()

    def replay() -> torch.Tensor:
        graph.replay()
        return scores

    return replay


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("keys", nargs="+", metavar="KEY")
    parser.add_argument("--size", type=int, default=224, help="of the network's square input (%(default)s)")
    parser.add_argument("--count", type=int, default=10, help="batches to look at (%(default)s)")
    options = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = network().to(device)
    pictures = torch.zeros(len(options.keys), 3, options.size, options.size, device=device)
    # Of torch's current stream all work is in order: writing the input, the graph that reads it, the next writing.
    with torch.inference_mode(), cuframes.group(options.keys, connect_timeout=None) as group:
        run = capture(model, pictures)
        for _ in range(options.count):
            with group.next() as batch:
                batch.to_tensor(out=pictures, letterbox=True)
            scores = run()
            best = scores.argmax(dim=1).tolist()  # Waits for the GPU; the next batch may be written then.
            classes = ", ".join(
                f"{key}: {number if there else 'no frame'}"
                for key, number, there in zip(batch.keys, best, batch.mask, strict=True)
            )
            print(f"{device}, {batch.spread * 1000:.1f} ms apart; {classes}", flush=True)


if __name__ == "__main__":
    main()
