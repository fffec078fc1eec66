# SPDX-License-Identifier: LGPL-2.1-or-later
"""GPU tensors outlive what they came from, publishing in place is ordered, and nothing grows."""

import gc

import capsule
import cuframes
import gpu_pixels
import pytest
from probes import descriptors
from processes import run_program


def test_publish_in_place_on_a_side_stream(gpu_publisher, roles, key, torch, figures):
    """A slot filled through torch.from_dlpack() on a stream of the producer's own, behind whatever is queued
    there, is complete when readers in another process see it."""
    publisher = gpu_publisher(width=1920, height=1080, slots=8, policy="wait", wait_timeout_ms=60000)
    reader = roles("gpu_reader", key=key, mode="STRICT_ORDER", max_held=2)
    publisher.ask("wait_subscribers")
    publisher.send("publish", count=1000)
    result = reader.ask("read", frames=1000, spin_cycles=1000)
    publisher.answer()
    figures(**result)
    assert (result["wrong_frames"], result["passed_over"]) == (0, 0)


def test_slow_fill_is_awaited(publish, subscribe, torch, figures):
    """Leaving the block of acquire() waits for the producer's stream: a fill behind a kernel that runs for
    milliseconds is in the frame."""
    publisher = publish(format="GRAY16_LE", width=640, height=480)
    subscriber = subscribe(max_held=2)
    side = torch.cuda.Stream()
    for number in range(1, 101):
        with publisher.acquire() as slot, torch.cuda.stream(side):
            pixels = torch.from_dlpack(slot.planes[0])
            torch.cuda._sleep(5_000_000)
            pixels.view(torch.int16).fill_(number)
            del pixels
        with subscriber.next_frame(timeout_ms=60000) as frame:
            found = torch.from_dlpack(frame.planes[0]).view(torch.int16)
            assert int((found != number).sum()) == 0, number
        del found
    figures(frames=100)


def test_publisher_dies_with_live_tensors(gpu_publisher, subscribe, torch, figures):
    """SIGKILL of the publisher: live tensors stay right, and the GPU context stays healthy."""
    publisher = gpu_publisher(width=1920, height=1080)
    subscriber = subscribe(max_held=2)
    publisher.ask("publish")
    with subscriber.next_frame(timeout_ms=60000) as frame:
        tensor = torch.from_dlpack(frame.planes[0])
    publisher.kill()
    subscriber.close()
    for _ in range(100):
        assert int((tensor.view(torch.int16) != gpu_pixels.value_of(1)).sum()) == 0
    figures(checks=100)


def test_ten_thousand_exports(publish, subscribe, torch, figures):
    """10,000 exports to torch over 100 frames, on several streams: GPU memory, descriptors and frames held
    stay what they were."""
    publisher = publish(format="NV12", width=640, height=480)
    subscriber = subscribe(max_held=4)
    streams = [torch.cuda.Stream() for _ in range(4)]

    def exports(frames):
        for number in range(frames):
            with publisher.acquire() as slot:
                slot.pts = number
            with subscriber.next_frame(timeout_ms=60000) as frame:
                for index in range(100):
                    with torch.cuda.stream(streams[index % 4]):
                        torch.from_dlpack(frame.planes[index % 2])
        torch.cuda.synchronize()
        gc.collect()

    exports(5)
    memory_before, open_before = torch.cuda.mem_get_info()[0], descriptors()
    exports(100)
    memory_after = torch.cuda.mem_get_info()[0]
    figures(exports=10000, gpu_memory_before=memory_before, gpu_memory_after=memory_after)
    assert memory_before - memory_after < 4 << 20 and descriptors() == open_before


AT_EXIT = """
import cuframes, torch
publisher = cuframes.publish("exit", format="NV12", width=640, height=480, memory="cuda")
subscriber = cuframes.subscribe("exit", connect_timeout_ms=60000)
with publisher.acquire() as slot:
    torch.from_dlpack(slot.planes[0]).fill_(1)
frame = subscriber.next_frame(timeout_ms=60000)
tensor = torch.from_dlpack(frame.planes[0])
with torch.cuda.stream(torch.cuda.Stream()):
    other = torch.from_dlpack(frame.planes[1])
    torch.cuda._sleep(50_000_000)
    total = other.sum()
unused = frame.planes[1].__dlpack__()
"""


@pytest.mark.parametrize(
    "ending", ["", "del frame\n", "raise SystemExit(0)\n", "subscriber.close(); publisher.close()\n"]
)
def test_exit_with_live_tensors(torch, ending):
    """A program may end with live GPU tensors, capsules and kernels under way: exit code 0, stderr empty."""
    code, _, err = run_program(AT_EXIT + ending)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("release", ["streams", "context"])
def test_a_tensor_on_a_third_stream(gpu_publisher, roles, key, subscribe, torch, figures, release):
    """A tensor made on one stream and read on another keeps its frame as well: where that was named, or where releases
    wait for the whole context."""
    publisher = gpu_publisher(slots=4)
    subscriber = subscribe(max_held=2, mode=cuframes.SubscriberMode.NEWEST_ONLY, release=release)
    publisher.ask("run")
    third = torch.cuda.Stream()
    wrong = torch.zeros((), dtype=torch.int64, device="cuda")
    torch.cuda.synchronize()
    for _ in range(500):
        frame = subscriber.next_frame(timeout_ms=60000)
        value = gpu_pixels.value_of(frame.pts)
        tensor = torch.from_dlpack(frame.planes[0])
        with torch.cuda.stream(third):
            torch.cuda._sleep(500_000)
            wrong += (tensor.view(torch.int16) != value).sum()
        if release == "streams":
            frame.record_stream(third)
        frame.release()
        del tensor, frame
    third.synchronize()
    published = publisher.ask("stop")
    figures(frames=500, wrong=int(wrong), publisher=published)
    assert int(wrong) == 0


def test_download_of_many(publish, subscribe, torch):
    """Downloads through dl_device are right while the GPU is busy with other streams."""
    publisher = publish(format="GRAY16_LE", width=640, height=480)
    subscriber = subscribe(max_held=2)
    for number in range(1, 51):
        with publisher.acquire() as slot:
            torch.from_dlpack(slot.planes[0]).view(torch.int16).fill_(number)
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda._sleep(1_000_000)
        with subscriber.next_frame(timeout_ms=60000) as frame:
            assert (capsule.values(frame.planes[0], dl_device=(capsule.CPU, 0)) == number).all()
