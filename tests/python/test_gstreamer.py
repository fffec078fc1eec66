# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package and the elements speak the same protocol: pipelines read what Python publishes, and the other
way."""

import capsule
import cuframes
import numpy
import pictures
import pytest
from pipelines import Pipeline
from processes import SECONDS, eventually

STRICT = cuframes.SubscriberMode.STRICT_ORDER


@pytest.fixture
def video(need):
    """GStreamer's idea of how a frame lies in memory."""
    need("gi")
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import Gst, GstVideo

    Gst.init(None)

    def layout(format, width, height):
        info = GstVideo.VideoInfo.new()
        assert info.set_format(GstVideo.VideoFormat.from_string(format), width, height)
        return info

    return layout


@pytest.fixture
def pipeline(cleanup):
    def start(description):
        cleanup.append(Pipeline(description))
        return cleanup[-1]

    return start


def upload(memory):
    return "cudaupload ! " if memory == "cuda" else ""


def rows_of(data, info, index, plane):
    """The visible bytes of a plane of a frame that GStreamer laid out."""
    start, stride = info.offset[index], info.stride[index]
    rows = [data[start + row * stride :][: plane.row_bytes] for row in range(plane.rows)]
    return numpy.frombuffer(b"".join(rows), "u1").reshape(plane.rows, plane.row_bytes)


@pytest.mark.parametrize(
    "format, size",
    [
        ("NV12", (320, 240)),
        ("NV12", (66, 47)),
        ("I420", (66, 47)),
        ("BGRx", (67, 5)),
        ("P010_10LE", (66, 46)),
        ("RGB", (67, 48)),
    ],
)
def test_python_reads_cuframessink(pipeline, subscribe, video, tmp_path, key, memory, format, size):
    """Frames of cuframessink, odd sizes too, are in Python byte for byte what the source produced."""
    if memory == "cuda" and format == "RGB":
        pytest.skip("GStreamer's CUDA elements know no packed RGB of 24 bits")
    source = (
        f"videotestsrc num-buffers=3 pattern=ball ! video/x-raw,format={format},"
        f"width={size[0]},height={size[1]},"
        "framerate=25/1 ! "
    )
    pipeline(f"{source} filesink location={tmp_path}/frames").finish()
    raw, info = (tmp_path / "frames").read_bytes(), video(format, *size)
    pipeline(f"{source} {upload(memory)} cuframessink key={key} wait-for-subscribers=1 sync=false")
    subscriber = subscribe(max_held=2)
    for number in range(3):
        frame = subscriber.next_frame(timeout_ms=int(SECONDS * 1000))
        assert (frame.format, frame.width, frame.height, frame.memory) == (format, *size, memory)
        assert "25/1" in frame.caps and frame.duration == 40_000_000 and frame.missed == 0
        data = raw[number * info.size : (number + 1) * info.size]
        for index, plane in enumerate(frame.planes):
            assert (capsule.values(plane.bytes) == rows_of(data, info, index, plane)).all(), (number, index)
        frame.release()
    with pytest.raises(cuframes.EndOfStream):
        subscriber.next_frame(timeout_ms=int(SECONDS * 1000))


def test_times_are_the_pipelines(pipeline, subscribe, key):
    """pts is CLOCK_MONOTONIC: frames of a live source are 40 ms apart and not in the future."""
    pipeline(f"videotestsrc is-live=true ! video/x-raw,framerate=25/1,width=32,height=32 ! cuframessink key={key}")
    subscriber = subscribe(max_held=2)
    times = []
    for _ in range(3):
        with subscriber.next_frame(timeout_ms=int(SECONDS * 1000)) as frame:
            times.append((frame.seq, frame.pts))
            assert frame.pts <= frame.publish_time_ns
    (first, start), *later = times
    for sequence, pts in later:
        assert abs(pts - start - (sequence - first) * 40_000_000) < 1_000_000


@pytest.mark.parametrize(
    "format, size",
    [("NV12", (320, 240)), ("NV12", (65, 47)), ("I420", (66, 47)), ("RGBA", (66, 47)), ("YUY2", (64, 8))],
)
def test_cuframessrc_reads_python(pipeline, publish, memory, key, format, size):
    """A pipeline in another process reads what Python publishes, converts it, and sees the right caps."""
    if memory == "cuda" and format == "YUY2":
        pytest.skip("GStreamer's CUDA elements do not download packed 4:2:2")
    publisher = publish(
        format=format,
        width=size[0],
        height=size[1],
        framerate=25,
        policy="wait",
        wait_timeout_ms=int(SECONDS * 1000),
    )
    reader = pipeline(
        f"cuframessrc key={key} mode=strict memory=system num-buffers=5 !"
        " videoconvert ! video/x-raw,format=RGB !"
        " fakesink"
    )
    publisher.wait_subscribers(1, timeout_ms=int(SECONDS * 1000))
    for number in range(1, 6):
        with publisher.acquire() as slot:
            pictures.draw(slot, number)
    said = reader.finish()
    for needle in (
        f"format=(string){format}",
        f"width=(int){size[0]}",
        f"height=(int){size[1]}",
        "framerate=(fraction)25/1",
    ):
        assert needle in said, said


def test_pixels_reach_a_pipeline(pipeline, publish, video, tmp_path, key, memory):
    """Every visible byte that Python wrote is what a pipeline writes to a file."""
    publisher = publish(width=66, height=48, policy="wait", wait_timeout_ms=int(SECONDS * 1000))
    reader = pipeline(
        f"cuframessrc key={key} mode=strict memory=system num-buffers=3 ! multifilesink location={tmp_path}/%d"
    )
    publisher.wait_subscribers(1, timeout_ms=int(SECONDS * 1000))
    for number in range(3):
        with publisher.acquire() as slot:
            pictures.draw(slot, number)
    reader.finish()
    info = video("NV12", 66, 48)
    for number in range(3):
        data = (tmp_path / str(number)).read_bytes()
        for index, values in enumerate(pictures.picture(number, "NV12", 66, 48)):
            expected = values.reshape(values.shape[0], -1)
            starts = [info.offset[index] + row * info.stride[index] for row in range(expected.shape[0])]
            rows = [data[start:][: expected.shape[1]] for start in starts]
            assert b"".join(rows) == expected.tobytes(), number


def test_end_of_stream_reaches_a_pipeline(pipeline, publish, key):
    """Publisher.eos() ends a pipeline that reads with on-gone=eos as a file's end would."""
    publisher = publish()
    reader = pipeline(f"cuframessrc key={key} mode=strict on-gone=eos ! fakesink")
    publisher.wait_subscribers(1, timeout_ms=int(SECONDS * 1000))
    with publisher.acquire() as slot:
        pictures.draw(slot, 1)
    publisher.eos()
    reader.finish()


def test_new_caps_reach_python(pipeline, subscribe, key):
    """A pipeline that changes its size mid-stream is followed without a gap."""
    caps = "video/x-raw,format=I420,width={},height={},framerate=25/1"
    pipeline(
        f"concat name=c ! cuframessink key={key} wait-for-subscribers=1 policy=wait sync=false"
        f" videotestsrc num-buffers=3 ! {caps.format(64, 48)} ! c."
        f" videotestsrc num-buffers=3 ! {caps.format(33, 17)} ! c."
    )
    subscriber = subscribe(max_held=1)
    sizes = []
    for frame in subscriber:
        sizes.append((frame.seq, frame.width, frame.height))
        assert frame.planes[2].shape == (-(-frame.height // 2), -(-frame.width // 2))
        frame.release()
    assert sizes == [(n, 64, 48) for n in (1, 2, 3)] + [(n, 33, 17) for n in (4, 5, 6)]


def test_a_pipeline_that_is_killed(pipeline, subscribe, key):
    """A killed pipeline is PublisherGone; its frames that were taken stay."""
    source = pipeline(f"videotestsrc is-live=true ! video/x-raw,width=32,height=32 ! cuframessink key={key}")
    subscriber = subscribe(max_held=2)
    frame = subscriber.next_frame(timeout_ms=int(SECONDS * 1000))
    before = capsule.values(frame.planes[0].bytes)
    source.close()

    def gone():
        try:
            subscriber.next_frame(timeout_ms=1000).release()
        except cuframes.PublisherGone:
            return True
        return False

    assert eventually(gone)
    assert (capsule.values(frame.planes[0].bytes) == before).all()
