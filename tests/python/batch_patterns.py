# SPDX-License-Identifier: LGPL-2.1-or-later
"""What cameras of batch tests show: of each camera a few pictures of noise, which frames name in their flags."""

import numpy
import pictures

WIDTH, HEIGHT = 640, 360
PATTERNS = 8
#: Of a value in 0..1: what a GPU and the host may differ by. Another picture's noise differs by far more, nearly everywhere.
TOLERANCE = 3 / 255


def planes_of(camera, pattern):
    """Luma and chroma, of NV12."""
    chance = numpy.random.default_rng([camera, pattern])
    shapes = pictures.plane_shapes("NV12", WIDTH, HEIGHT)
    return [chance.integers(16, 236, shape, dtype) for shape, dtype in shapes]


def expected(cameras, size):
    """What the host makes of them: `[cameras, PATTERNS, 3, size, size]`, by way of a ring in host memory."""
    import cuframes
    import torch

    found = torch.empty((cameras, PATTERNS, 3, size, size))
    with cuframes.publish("expected", format="NV12", width=WIDTH, height=HEIGHT, memory="host") as publisher:
        with cuframes.subscribe("expected", mode=cuframes.SubscriberMode.STRICT_ORDER) as subscriber:
            for camera in range(cameras):
                for pattern in range(PATTERNS):
                    publisher.send(planes_of(camera, pattern), format="NV12")
                    with subscriber.next_frame() as frame:
                        frame.to_tensor(size, letterbox=True, out=found[camera, pattern])
    return found
