# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two GPUs: a ring of the second is read on the second, or from the first where the two can reach each
other."""

import cuframes
import gpu_pixels
import pytest


@pytest.fixture
def two(torch):
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU here")
    return torch


@pytest.mark.parametrize("cuda_device, found", [(1, 1), (-1, 1)])
def test_ring_of_the_second(gpu_publisher, subscribe, two, cuda_device, found, figures):
    """cuda_device=1, or -1 for wherever the ring lies: tensors are on cuda:1, values right."""
    publisher = gpu_publisher(cuda_device=1)
    subscriber = subscribe(cuda_device=cuda_device, max_held=2)
    publisher.ask("publish")
    frame = subscriber.next_frame(timeout_ms=60000)
    tensor = two.from_dlpack(frame.planes[0])
    assert frame.device == f"cuda:{found}" and tensor.device == two.device("cuda", found)
    assert int((tensor.view(two.int16) != gpu_pixels.value_of(1)).sum()) == 0
    figures(device=str(tensor.device))


def test_read_from_the_other(gpu_publisher, subscribe, two, figures):
    """cuda_device=0 for a ring of the second GPU: read over the link in place if they are peers, else told
    why not."""
    publisher = gpu_publisher(cuda_device=1)
    publisher.ask("publish")
    try:
        subscriber = subscribe(cuda_device=0, max_held=2)
        frame = subscriber.next_frame(timeout_ms=60000)
    except cuframes.Error as error:
        figures(peers=False, error=str(error))
        assert not two.cuda.can_device_access_peer(0, 1)
        return
    tensor = two.from_dlpack(frame.planes[0])
    assert tensor.device == two.device("cuda", 0)
    assert int((tensor.view(two.int16) != gpu_pixels.value_of(1)).sum()) == 0
    figures(peers=True, device=str(tensor.device))


def test_promise_on_the_second(gpu_publisher, roles, key, two, figures):
    """The central promise holds on cuda:1 as well."""
    publisher = gpu_publisher(cuda_device=1, slots=4)
    reader = roles("gpu_reader", key=key, cuda_device=1, max_held=2)
    publisher.ask("run")
    result = reader.ask("read", frames=1000, spin_cycles=1_000_000)
    figures(**result, publisher=publisher.ask("stop"))
    assert result["wrong_frames"] == 0
