# SPDX-License-Identifier: LGPL-2.1-or-later
"""cuframes.gst: buffers of a pipeline in this process as frames, and tensors as buffers, in system memory and
on the GPU (CUFRAMES_TEST_MEMORY)."""

import gc
import threading

import cuframes
import numpy
import pytest
from capsule import CPU, CUDA, Producer, take, values
from probes import MEMORY
from processes import SECONDS, eventually, run_program

DEVICE = "cuda:0" if MEMORY == "cuda" else "cpu"
FEATURES = "(memory:CUDAMemory)" if MEMORY == "cuda" else ""


@pytest.fixture
def gst(need):
    return need("cuframes.gst")


@pytest.fixture
def launch(gst):
    """Starts pipelines, and stops them."""
    from gi.repository import Gst

    started = []

    def start(description, primary=False):
        pipeline = Gst.parse_launch(description)
        if primary:
            gst.install_primary_context(pipeline)
        pipeline.set_state(Gst.State.PLAYING)
        started.append(pipeline)
        return pipeline

    yield start
    for pipeline in started:
        pipeline.set_state(Gst.State.NULL)


def camera(format="NV12", width=66, height=46, frames=4):
    upload = "cudaupload ! video/x-raw(memory:CUDAMemory) ! " if MEMORY == "cuda" else ""
    return (
        f"videotestsrc num-buffers={frames} pattern=ball animation-mode=frames ! "
        f"video/x-raw,format={format},width={width},height={height} ! {upload}appsink name=out sync=false"
    )


def pull(pipeline):
    sample = pipeline.get_by_name("out").emit("try-pull-sample", int(SECONDS * 1e9))
    assert sample is not None, "the pipeline gave no frame"
    return sample


def caps(format, width, height, features=FEATURES):
    from gi.repository import Gst

    return Gst.Caps.from_string(f"video/x-raw{features},format={format},width={width},height={height}")


def nv12(width=64, height=48):
    luma = (numpy.arange(width * height) % 251).astype("u1").reshape(height, width)
    return luma, numpy.full((height // 2, width // 2, 2), 77, "u1")


# System memory knows no contexts.
@pytest.mark.parametrize("primary", [False, True] if MEMORY == "cuda" else [False])
@pytest.mark.parametrize("format", ["NV12", "I420", "P010_10LE", "RGB", "BGRA"])
def test_planes_of_a_sample_are_what_elements_see(gst, launch, format, primary):
    """A frame of a pipeline has the shapes and pixels that GStreamer itself maps, in either CUDA context."""
    from gi.repository import GstVideo

    sample = pull(launch(camera(format), primary))
    frame = gst.wrap(sample)
    assert isinstance(frame, cuframes.Frame)
    assert (frame.format, frame.width, frame.height, frame.device) == (format, 66, 46, DEVICE)
    assert frame.pts == sample.get_buffer().pts and frame.duration == sample.get_buffer().duration
    assert frame.time == frame.pts / 1e9
    for clock in ("age", "datetime"):
        with pytest.raises(ValueError, match="times are those of its pipeline"):
            getattr(frame, clock)
    assert all(plane.readonly for plane in frame.planes), "the sample has the buffer, too"
    info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
    meta = GstVideo.buffer_get_video_meta(sample.get_buffer())
    offsets, strides = (meta.offset, meta.stride) if meta else (info.offset, info.stride)
    data = sample.get_buffer().extract_dup(0, sample.get_buffer().get_size())
    for index, plane in enumerate(frame.planes):
        rows = values(plane.bytes)
        assert plane.pitch == strides[index]
        for y in range(plane.rows):
            start = offsets[index] + y * strides[index]
            assert rows[y].tobytes() == bytes(data[start : start + plane.row_bytes]), (index, y)


def test_a_tensor_outlives_sample_frame_and_pipeline(gst, launch):
    """Pixels stay as they were while a tensor has them, whatever becomes of all the rest."""
    from gi.repository import Gst

    pipeline = launch(camera())
    frame = gst.wrap(pull(pipeline))
    before = values(frame.planes[0])
    tensor = take(frame.planes[0])
    frame.release()
    with pytest.raises(BufferError, match="released"):
        frame.planes[0].__dlpack__()
    del frame
    pipeline.set_state(Gst.State.NULL)
    del pipeline
    gc.collect()
    assert numpy.array_equal(tensor.array(), before)
    tensor.delete_on_a_thread()


def test_the_buffer_goes_back_with_the_last_tensor(gst, launch):
    """A pool gets its buffer again when, and only when, every tensor of it is gone."""
    from gi.repository import Gst

    pool = Gst.BufferPool.new()
    config = pool.get_config()
    Gst.BufferPool.config_set_params(config, caps("GRAY8", 64, 48, ""), 64 * 48, 1, 1)
    assert pool.set_config(config) and pool.set_active(True)
    at_once = Gst.BufferPoolAcquireParams()
    at_once.flags = Gst.BufferPoolAcquireFlags.DONTWAIT

    def is_free():
        result, buffer = pool.acquire_buffer(at_once)
        return result == Gst.FlowReturn.OK

    result, buffer = pool.acquire_buffer(None)
    assert result == Gst.FlowReturn.OK
    frame = gst.wrap(buffer, caps("GRAY8", 64, 48, ""))
    tensors = [take(frame.planes[0]), take(frame.planes[0])]
    del buffer, frame
    gc.collect()
    assert not is_free()
    tensors.pop().delete()
    assert not is_free()
    tensors.pop().delete()
    assert eventually(is_free)
    pool.set_active(False)


def test_tensors_become_a_buffer_in_place(gst):
    """to_buffer() copies nothing: the buffer shows what is written to the tensors, and keeps them."""
    luma, chroma = nv12()
    buffer = gst.to_buffer([luma, chroma], "NV12", copy=False, pts=40, duration=20)
    assert (buffer.pts, buffer.duration) == (40, 20)
    luma[5, 6] = 200
    frame = gst.wrap(buffer, caps("NV12", 64, 48, ""))
    assert frame.planes[0].data_ptr == luma.ctypes.data
    assert values(frame.planes[0])[5, 6] == 200
    assert (values(frame.planes[1]) == 77).all()
    producer = Producer(luma)
    buffer = gst.to_buffer(producer, "GRAY8")
    assert producer.deleted == 0
    del buffer, frame
    gst.drain()
    assert producer.deleted == 1
    assert threading.get_ident() not in producer.deleter_threads, "deleters run on the library's thread"


def test_frames_go_back_into_a_pipeline(gst, launch):
    """What was wrapped can be pushed: elements of a second pipeline see the same pictures."""
    source = launch(camera(frames=3), primary=MEMORY == "cuda")
    download = "cudadownload ! video/x-raw ! " if MEMORY == "cuda" else ""
    description = f"appsrc name=in format=time ! {download}appsink name=out sync=false"
    sink = launch(description, primary=MEMORY == "cuda")
    for number in range(3):
        frame = gst.wrap(pull(source))
        sample = gst.to_sample(frame, copy=False, pts=number, framerate=25)
        assert "framerate=(fraction)25/1" in sample.get_caps().to_string()
        assert (FEATURES or "video/x-raw,") in sample.get_caps().to_string()
        sink.get_by_name("in").emit("push-sample", sample)
        seen = gst.wrap(pull(sink))
        for plane, original in zip(seen.planes, frame.planes):
            assert numpy.array_equal(values(plane), values(original))


def test_buffers_can_be_on_the_other_side(gst):
    """device= downloads, and uploads where there is a GPU; without copies it refuses."""
    luma, chroma = nv12()
    if MEMORY == "cuda":
        sample = gst.to_sample([luma, chroma], "NV12", device="cuda:0")
        assert "memory:CUDAMemory" in sample.get_caps().to_string()
        frame = gst.wrap(sample)
        assert frame.planes[0].__dlpack_device__() == (CUDA, 0)
        assert numpy.array_equal(values(frame.planes[0]), luma)
        back = gst.wrap(gst.to_sample(frame, device="cpu"))
        assert back.planes[0].__dlpack_device__() == (CPU, 0)
        assert numpy.array_equal(values(back.planes[0]), luma)
        with pytest.raises(BufferError, match="ruled out"):
            gst.to_buffer(frame, device="cpu", copy=False)
        with pytest.raises(ValueError, match="cuda:7"):
            gst.to_buffer(frame, device="cuda:7")
    else:
        with pytest.raises(cuframes.DeviceLost):
            gst.to_buffer([luma, chroma], "NV12", device="cuda:63")


@pytest.mark.parametrize(
    "source, arguments, error, words",
    [
        (numpy.zeros((48, 64), "i2"), {"format": "GRAY8"}, TypeError, "int16"),
        (numpy.zeros((48, 64, 5), "u1"), {}, ValueError, "format="),
        (numpy.zeros((48, 64), "u1")[:, ::2], {"format": "GRAY8"}, ValueError, "side by side"),
        (numpy.zeros((48, 64), "u1"), {"format": "GRAY8", "width": 32, "height": 48}, ValueError, "(48, 32)"),
        (numpy.zeros((48, 64), "u1"), {"format": "GRAY8", "width": 64}, ValueError, "together"),
        ([numpy.zeros((48, 64), "u1")] * 2, {"format": "I420"}, ValueError, "3 planes"),
        (object(), {"format": "GRAY8"}, TypeError, "__dlpack__"),
        ([], {"format": "GRAY8"}, ValueError, "at least one plane"),
        (numpy.zeros((48, 64), "u1"), {"format": "v210", "width": 64, "height": 48}, BufferError, "v210"),
    ],
)
def test_wrong_tensors_are_refused(gst, source, arguments, error, words):
    """A refusal is the exception that fits, and names what is wrong."""
    with pytest.raises(error) as raised:
        gst.to_buffer(source, **arguments)
    assert words in str(raised.value)


def test_wrong_buffers_are_refused(gst):
    """So is that of a buffer that is no frame."""
    from gi.repository import Gst

    small = Gst.Buffer.new_allocate(None, 10, None)
    with pytest.raises(ValueError, match="10 bytes"):
        gst.wrap(small, caps("RGB", 64, 48, ""))
    with pytest.raises(ValueError, match="caps"):
        gst.wrap(small)
    with pytest.raises(TypeError, match="int"):
        gst.wrap(3)
    with pytest.raises(BufferError, match="GLMemory"):
        gst.wrap(small, caps("RGB", 1, 1, "(memory:GLMemory)"))


def test_the_interpreter_lock_is_in_nobodys_way(gst, launch):
    """Streaming threads free tensors of numpy, whose deleters need the lock, while Python calls into
    GStreamer."""
    pipeline = launch("appsrc name=in max-buffers=4 block=true ! identity ! fakesink async=false")
    source = pipeline.get_by_name("in")
    luma = nv12()[0]
    for _ in range(500):
        assert source.emit("push-sample", gst.to_sample(luma, "GRAY8")) == 0
        pipeline.get_state(0)
    source.emit("end-of-stream")
    assert eventually(lambda: pipeline.get_by_name("in").props.current_level_buffers == 0)


@pytest.mark.parametrize("last_sample", ["false", "true"])
def test_appsink_keeps_the_sample_that_was_pulled_last(gst, launch, publish, last_sample):
    """As documented, whatever enable-last-sample is: a reader's max-held has to cover one frame more."""
    publisher = publish(slots=8)
    pipeline = launch(
        f"cuframessrc key={publisher.key} mode=strict max-held=4 ! "
        f"appsink name=out sync=false enable-last-sample={last_sample}"
    )
    publisher.wait_subscribers(1, int(SECONDS * 1000))

    def held():
        gc.collect()
        gst.drain()
        return sum(subscriber["held"] for subscriber in publisher.subscribers())

    for _ in range(3):
        with publisher.acquire():
            pass
        frame = gst.wrap(pull(pipeline))
        assert frame.planes[0].readonly
        tensor = take(frame.planes[0])
        del frame
        assert held() == 1, "the tensor has the frame that appsink has"
        tensor.delete()
        assert held() == 1, "appsink still has it"
    pipeline.set_state(1)
    assert eventually(lambda: not publisher.subscribers())


EXIT = """
import numpy, gi
from cuframes import gst
from gi.repository import Gst
pipeline = Gst.parse_launch("videotestsrc ! video/x-raw,format=NV12,width=64,height=48 ! appsink name=out")
pipeline.set_state(Gst.State.PLAYING)
frame = gst.wrap(pipeline.get_by_name("out").emit("pull-sample"))
array = numpy.from_dlpack(frame.planes[0])
mine = numpy.zeros((48, 64), "u1")
buffer = gst.to_buffer(mine, "GRAY8")
unconsumed = frame.planes[1].__dlpack__(max_version=(1, 0))
print("ready")
"""


def test_programs_end_with_everything_alive(gst):
    """Frames, tensors, buffers, a capsule nobody took, a running pipeline: the program ends all the same."""
    assert run_program(EXIT) == (0, "ready\n", "")


def test_without_the_library_the_import_says_what_to_install():
    """An ImportError names the packages; the package itself works without them."""
    text = "import cuframes\ntry:\n    import cuframes.gst\nexcept ImportError as error:\n    print(error)\n"
    code, out, err = run_program(text, env={"GI_TYPELIB_PATH": "/nonexistent"})
    assert code == 0, err
    assert "CuframesGst" in out and "python3-gi" in out, out
