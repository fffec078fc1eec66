# SPDX-License-Identifier: LGPL-2.1-or-later
"""torch, cupy, jax and numba read GPU frames of another process where they lie, by the calls in their own
manuals."""

import capsule
import numpy
import pytest


@pytest.fixture
def frame(gpu_publisher, subscribe):
    """One frame of a publisher in another process: 321 x 241 sixteen-bit pixels of value 1, rows padded."""
    library = "torch"
    try:
        import torch

        assert torch.cuda.is_available()
    except (ImportError, AssertionError):
        library = "cupy"
        pytest.importorskip("cupy")
    publisher = gpu_publisher(width=321, height=241, library=library)
    subscriber = subscribe(max_held=2)
    publisher.ask("publish")
    # pytest keeps what a fixture gives until every other is torn down; the test for leaks is one of them.
    with subscriber.next_frame(timeout_ms=60000) as taken:
        yield taken


def test_torch(frame, torch, figures):
    """Plain torch.from_dlpack(plane), with torch's own stream argument: on the right device, the ring's own
    memory, the pitch in the strides, the right values, and alive after the frame."""
    plane = frame.planes[0]
    pitch = plane.pitch
    tensor = torch.from_dlpack(plane)
    assert tensor.device == torch.device("cuda", 0) and tensor.data_ptr() == plane.data_ptr
    assert tensor.shape == (241, 321) and tensor.stride() == (pitch // 2, 1) and tensor.dtype == torch.uint16
    frame.release()
    assert bool((tensor.view(torch.int16) == 1).all())
    with torch.cuda.stream(torch.cuda.Stream()):
        assert int((tensor.view(torch.int16) != 1).sum()) == 0
    figures(device=str(tensor.device), stride=tensor.stride(), pitch=pitch, version=torch.__version__)


def test_torch_frame_itself(frame, torch):
    """torch.from_dlpack(frame) is the first plane, dlpack_y() the same."""
    for source in (frame, frame.dlpack_y()):
        assert torch.from_dlpack(source).data_ptr() == frame.data_ptr


def test_cupy(frame, cupy, figures):
    """cupy.from_dlpack(plane): the ring's own memory, the right values, on the legacy stream and on one of
    its own."""
    array = cupy.from_dlpack(frame.planes[0])
    assert array.data.ptr == frame.planes[0].data_ptr and array.device.id == 0
    assert array.strides == (frame.planes[0].pitch, 2) and array.dtype == cupy.uint16
    assert int((array != 1).sum()) == 0
    with cupy.cuda.Stream(non_blocking=True) as stream:
        assert int((cupy.from_dlpack(frame.planes[0]) != 1).sum()) == 0
        frame.record_stream(stream)
    figures(version=cupy.__version__, pitch=frame.planes[0].pitch)


def test_cupy_by_cuda_array_interface(frame, cupy):
    """cupy.asarray(plane) goes through __cuda_array_interface__."""
    array = cupy.asarray(frame.planes[0])
    assert array.data.ptr == frame.planes[0].data_ptr and int((array != 1).sum()) == 0


def test_jax(frame, figures):
    """jax.dlpack.from_dlpack(frame.pack().planes[0]): jax takes compact rows, pack() has them, on the GPU."""
    jax = pytest.importorskip("jax")
    try:
        gpus = jax.devices("gpu")
    except RuntimeError as error:
        pytest.skip(f"jax without GPU: {error}")
    packed = frame.pack()
    array = jax.dlpack.from_dlpack(packed.planes[0])
    frame.release()
    packed.release()
    assert array.shape == (241, 321) and array.devices() == {gpus[0]}
    assert int((array != 1).sum()) == 0
    figures(version=jax.__version__, device=str(array.devices()))


def test_numba(frame, figures):
    """numba.cuda takes a plane through __cuda_array_interface__ and runs kernels on it."""
    if not hasattr(numpy, "row_stack"):
        numpy.row_stack = numpy.vstack  # numba-cuda 0.30 asks for it; NumPy 2.5 has removed the old name.
    cuda = pytest.importorskip("numba.cuda")
    if not cuda.is_available():
        pytest.skip("numba without CUDA")
    array = cuda.as_cuda_array(frame.planes[0])
    assert array.shape == (241, 321) and array.strides == (frame.planes[0].pitch, 2)
    assert array.device_ctypes_pointer.value == frame.planes[0].data_ptr
    assert (array.copy_to_host() == 1).all()

    @cuda.jit
    def add(source, target):
        x, y = cuda.grid(2)
        if x < source.shape[0] and y < source.shape[1]:
            target[x, y] = source[x, y] + 41

    target = cuda.device_array((241, 321), numpy.uint16)
    add[(16, 21), (16, 16)](array, target)
    assert (target.copy_to_host() == 42).all()
    figures(device=str(cuda.get_current_device().name))


def test_download(frame, figures):
    """dl_device=CPU, and numpy's own way to say it, bring a GPU frame to the host, complete on return;
    copy(device= "cpu") does the same for whole frames."""
    assert (capsule.values(frame.planes[0], dl_device=(capsule.CPU, 0)) == 1).all()
    assert (numpy.from_dlpack(frame.planes[0], device="cpu") == 1).all()
    host = frame.copy(device="cpu")
    assert host.memory == "host" and (numpy.asarray(host.planes[0]) == 1).all()
    figures(pitch=frame.planes[0].pitch, host_pitch=host.planes[0].pitch)


def test_nothing_is_copied(frame, torch, figures):
    """Fifty tensors of one frame need no GPU memory."""
    torch.cuda.synchronize()
    free_before, _ = torch.cuda.mem_get_info()
    tensors = [torch.from_dlpack(frame.planes[0]) for _ in range(50)]
    free_after, _ = torch.cuda.mem_get_info()
    figures(free_before=free_before, free_after=free_after)
    assert free_before == free_after and len({tensor.data_ptr() for tensor in tensors}) == 1


def test_torch_goes_in_and_comes_out(torch, publish, subscribe):
    """send() of torch tensors that a slow kernel is still making: ordered after torch's current stream, one
    copy on the GPU, and the reader in this process gets what the kernel made."""
    publisher = publish(format="NV12", width=640, height=480)
    subscriber = subscribe(max_held=2)
    side = torch.cuda.Stream()
    for number in range(100):
        with torch.cuda.stream(side):
            torch.cuda._sleep(2_000_000)
            luma = torch.full((480, 640), number, dtype=torch.uint8, device="cuda")
            chroma = torch.full((240, 320, 2), 255 - number, dtype=torch.uint8, device="cuda")
            assert publisher.send([luma, chroma])
        with subscriber.next_frame(timeout_ms=60000) as frame:
            y, uv = (torch.from_dlpack(plane) for plane in frame.planes)
        assert bool((y == number).all()) and bool((uv == 255 - number).all())
