# SPDX-License-Identifier: LGPL-2.1-or-later
"""cuframes.gst on a GPU: GStreamer and torch in one process, with the primary context and with GStreamer's own."""

import cuframes
import pytest

LONG_SPIN_CYCLES = 40_000_000


@pytest.fixture
def gst(torch):
    """cuframes.gst; Gst is loaded with it."""
    found = pytest.importorskip("cuframes.gst")
    if found.Gst.ElementFactory.find("cuframessrc") is None:
        pytest.skip("no cuframessrc")
    return found


def context_elements(gst, own_context):
    """What puts a pipeline into the primary context, or lets GStreamer make its own."""
    if not own_context:
        return gst.install_primary_context
    import gi

    gi.require_version("GstCuda", "1.0")
    from gi.repository import GstCuda

    GstCuda.cuda_load_library()
    context = GstCuda.CudaContext.new(0)
    return lambda pipeline: pipeline.set_context(GstCuda.context_new_cuda_context(context))


@pytest.mark.parametrize("own_context", [False, True], ids=["primary context", "GStreamer's own context"])
def test_the_central_promise_in_a_pipeline(gst, gpu_publisher, roles, key, own_context, figures):
    """cuframessrc ! appsink: a tensor of a sample is dropped right after the slow kernel that reads it was launched, and
    sample and frame with it; the publisher goes on at full speed; every result is right."""
    publisher = gpu_publisher(slots=5)
    reader = roles("gpu_pipeline_reader", key=key, own_context=own_context)
    publisher.ask("run")
    for frames, cycles in [(1000, 1_000_000), (150, LONG_SPIN_CYCLES)]:
        reader.send("read", frames=frames, spin_cycles=cycles)
        result = reader.answer()
        figures(own_context=own_context, spin_cycles=cycles, **result)
        assert result["wrong_frames"] == 0 and result["different_frames"] > frames // 2
    figures(publisher=publisher.ask("stop"))


@pytest.mark.parametrize("own_context", [False, True], ids=["primary context", "GStreamer's own context"])
def test_released_by_the_host_it_fails(gst, gpu_publisher, roles, key, own_context, figures):
    """And this shows that the test can fail: with frames released as soon as the host says so."""
    publisher = gpu_publisher(slots=5)
    unsafe = {"CUFRAMES_UNSAFE_RELEASE": "host"}
    reader = roles("gpu_pipeline_reader", unsafe, key=key, own_context=own_context)
    publisher.ask("run")
    reader.send("read", frames=150, spin_cycles=LONG_SPIN_CYCLES)
    result = reader.answer()
    figures(own_context=own_context, unsafe_release="host", **result)
    publisher.ask("stop")
    assert result["wrong_frames"] > 0


@pytest.mark.parametrize("own_context", [False, True], ids=["primary context", "GStreamer's own context"])
def test_appsink_to_torch_to_appsrc(gst, torch, key, directory, own_context, figures):
    """One Python process: frames of a pipeline become torch tensors, a slow kernel makes new ones of them, and a second
    pipeline publishes those from the GPU: each arrives as the kernel made it."""
    Gst = gst.Gst
    use_context = context_elements(gst, own_context)
    source = Gst.parse_launch(
        "videotestsrc num-buffers=60 pattern=gradient ! video/x-raw,format=NV12,width=640,height=480,framerate=60/1 ! "
        "cudaupload ! video/x-raw(memory:CUDAMemory) ! appsink name=sink sync=false enable-last-sample=false"
    )
    target = Gst.parse_launch(f"appsrc name=src format=time ! cuframessink key={key} policy=wait sync=false")
    for pipeline in (source, target):
        use_context(pipeline)
        pipeline.set_state(Gst.State.PLAYING)
    side = torch.cuda.Stream()
    reader, expected, seen = None, [], 0
    while (sample := source.get_by_name("sink").emit("pull-sample")) is not None:
        frame = gst.wrap(sample)
        assert frame.device == "cuda:0"
        with torch.cuda.stream(side):
            y, uv = (torch.from_dlpack(plane) for plane in frame.planes)
            torch.cuda._sleep(2_000_000)
            whole = torch.empty((720, 640), dtype=torch.uint8, device="cuda")
            whole[:480] = 255 - y
            whole[480:] = uv.reshape(240, 640)
            expected.append(int(whole.sum()))
            buffer = gst.to_sample(whole, "NV12", pts=frame.pts, copy=False)
        del y, uv, whole, frame, sample
        assert target.get_by_name("src").emit("push-sample", buffer) == Gst.FlowReturn.OK
        del buffer
        if reader is None:
            reader = cuframes.subscribe(key, mode=cuframes.SubscriberMode.STRICT_ORDER, connect_timeout_ms=60000)
        with reader.next_frame(timeout_ms=60000) as got:
            planes = [torch.from_dlpack(plane) for plane in got.planes]
            assert sum(int(plane.sum()) for plane in planes) == expected[seen]
        seen += 1
    target.get_by_name("src").emit("end-of-stream")
    assert seen == 60
    figures(own_context=own_context, frames=seen, ring=reader.stats(), gstreamer=Gst.version_string())
    reader.close()
    for pipeline in (source, target):
        pipeline.set_state(Gst.State.NULL)
    gst.drain()


def test_tensors_outlive_their_pipeline(gst, torch, figures):
    """Frames held across a pipeline's stop and end keep their pixels."""
    Gst = gst.Gst
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=5 pattern=blue ! video/x-raw,format=NV12,width=320,height=240 ! cudaupload ! "
        "video/x-raw(memory:CUDAMemory) ! appsink name=sink sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    frames = [gst.wrap(pipeline.get_by_name("sink").emit("pull-sample")) for _ in range(3)]
    tensors = [torch.from_dlpack(frame.planes[0]) for frame in frames]
    sums = [int(tensor.sum()) for tensor in tensors]
    pipeline.set_state(Gst.State.NULL)
    del pipeline
    more = torch.from_dlpack(frames[0].planes[1])
    assert [int(tensor.sum()) for tensor in tensors] == sums and sums[0] > 0
    assert int(more.sum()) > 0
    del frames, tensors, more
    gst.drain()
    figures(sums=sums)
