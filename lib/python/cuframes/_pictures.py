# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames as pictures in RGB: what `Frame`, `Slot` and copies of frames offer beside their planes."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from . import _host_pictures, _tensor_pictures
from ._array_library import gpu_library, imported, numpy_library
from ._conversion import Picture, picture_of
from ._picture_formats import PictureFormat, picture_format
from ._pixel_layouts import layout_of

if TYPE_CHECKING:
    from ._formats import PixelFormat
    from ._plane import Plane


class Pictures:
    """Pictures of a frame, whatever its format: in RGB, by the matrix, range and chroma siting of its caps.

    Where caps say nothing of colours it is what GStreamer takes then: BT.601 up to 576 rows, BT.709 above, limited range;
    full range for RGB and grey. Transfer functions and primaries stay as they are, and interlaced frames count as
    progressive. A picture is memory of its own: it can be written, and outlives the frame. Any thread.
    """

    if TYPE_CHECKING:

        @property
        def planes(self) -> tuple[Plane, ...]: ...
        @property
        def format(self) -> PixelFormat: ...
        @property
        def width(self) -> int: ...
        @property
        def height(self) -> int: ...
        @property
        def device(self) -> str: ...
        def copy(self, *, device: str | None = None, stream: object = None) -> Any: ...

    def _picture(self) -> Picture:
        return picture_of(str(self.format), getattr(self, "caps", ""), self.width, self.height)

    def to_ndarray(self, format: str = "rgb24") -> Any:
        """The picture as a NumPy array in host memory: `(height, width, channels)`, or `(height, width)` for grey.

        format: "rgb24", "bgr24" (OpenCV's order), "rgba", "bgra", "argb", "abgr", "gray", of uint8; "rgb48", "bgr48",
            "rgba64", "bgra64", "gray16", of uint16. Grey is the luma in full range; of RGB that of BT.601. Alpha is full
            where the format has none.

        Contiguous, as OpenCV, Pillow and matplotlib want it. It blocks while it computes; a frame on a GPU is downloaded
        first, all of it. ValueError: an unknown format, or pixels that cannot be read (tiles). ImportError: no NumPy.
        BufferError: the frame was released.
        """
        wanted = picture_format(format)
        library = numpy_library("to_ndarray()")
        picture = self._picture()
        return _host_pictures.converted(library, picture, self._host_planes(library), wanted)

    def _host_planes(self, library: Any) -> list[Any]:
        frame = self if self.device == "cpu" else self.copy(device="cpu")
        return [library.module.asarray(plane.bytes) for plane in frame.planes]

    def to_rgb(self, *, stream: object = None) -> Any:
        """The picture in RGB where the frame is: `(height, width, 3)` of uint8.

        Of a frame in host memory a NumPy array. On a GPU it stays there, as a tensor of torch or an array of CuPy, whichever
        the program uses (torch if both or neither are imported); `stream`, or that library's current stream, is where it
        is computed, and where the frame's release waits for it. Nothing blocks there.

        ImportError: neither is there. Otherwise as `to_ndarray()`.
        """
        if self.device == "cpu":
            return self.to_ndarray("rgb24")
        return _tensor_pictures.rgb_on_gpu(gpu_library("to_rgb()"), self, self._picture(), stream)

    def to_tensor(
        self,
        size: int | tuple[int, int] | None = None,
        dtype: Any = None,
        layout: str = "CHW",
        normalize: tuple[Any, Any] | None = None,
        letterbox: bool | float = False,
        device: Any = None,
        stream: object = None,
        out: Any = None,
    ) -> Any:
        """The picture as a torch tensor for a model: RGB, `(3, height, width)`, 0..1 of float32, where the frame is.

        size: `(height, width)`, or one number for both: scaled linearly, without averaging (as OpenCV's INTER_LINEAR and
            torch's `interpolate(mode="bilinear")`). None: as it is.
        dtype: torch.float32 (default), float16, bfloat16, float64; or torch.uint8, for 0..255.
        layout: "CHW", or "HWC" for `(height, width, 3)`.
        normalize: `(mean, std)`, each a number or three, of values in 0..1: `(value - mean) / std` is what comes.
        letterbox: keep the aspect ratio, in the middle of `size`, and fill the rest: True with grey (114 of 255, what
            detectors are trained with), or a number in 0..1 with that.
        device: where it is to be, as torch names it; None: where the frame is.
        stream: a CUDA stream to compute on, an object or its pointer; None: torch's current one.
        out: a tensor to write into, of the shape, dtype and device that would be made, with any strides: part of a batch, or
            the input of a CUDA graph. It is returned.

        On a GPU it is one kernel where NVRTC is to be had, as it is with torch's and CuPy's wheels, and some of torch's own
        operations where not; nothing blocks, but for the first call with a format, which compiles. The frame's release waits
        for the work. Capturing it into a CUDA graph is of no use, as the next frame is elsewhere: write into the graph's
        input (`out=`) before each replay. ValueError: arguments that do not fit, with those that do. ImportError: no torch.
        """
        picture = self._picture()
        request = _tensor_pictures.Request.of(self, size, dtype, layout, normalize, letterbox, device, out)
        return _tensor_pictures.to_tensor(self, picture, request, stream)

    def to_image(self, format: str | None = None) -> Any:
        """The picture as a `PIL.Image.Image`: mode "RGB", or "RGBA" where the frame has alpha, "L" where it is grey.

        format: "rgb24", "rgba" or "gray" to have that one. Blocks as `to_ndarray()` does. ImportError: no Pillow.
        """
        pillow = imported("PIL.Image", "to_image()")
        modes = {"RGB": "rgb24", "RGBA": "rgba", "Y": "gray"}
        wanted = PictureFormat(self._natural_channels(), 8) if format is None else picture_format(format)
        if wanted.bits != 8 or wanted.channels not in modes:
            raise ValueError(f'an image of Pillow is "rgb24", "rgba" or "gray", not "{format}"')
        return pillow.fromarray(self.to_ndarray(modes[wanted.channels]))

    def _natural_channels(self) -> str:
        layout = layout_of(self.format)
        return "Y" if layout.model == "gray" else "RGBA" if layout.has_alpha else "RGB"

    def save(self, path: Any, **options: Any) -> None:
        """Writes the picture into a file whose name's ending says what it is: "gate.png", "gate.jpg", "gate.webp", …

        options: Pillow's for that kind, as `quality=90`. Alpha is left out where the kind has none (JPEG). Blocks.
        ImportError: no Pillow. ValueError: an ending that it does not know. OSError: the file cannot be written.
        """
        image = self.to_image("rgb24" if self._natural_channels() == "RGBA" and _is_jpeg(path, options) else None)
        image.save(path, **options)

    def _repr_png_(self) -> bytes | None:
        """For notebooks, which show it. None where Pillow or NumPy is missing, or the frame was released."""
        try:
            image = self.to_image()
        except (ImportError, BufferError, ValueError):
            return None
        data = io.BytesIO()
        # Quick: the picture is shown once.
        image.save(data, "PNG", compress_level=1)
        return data.getvalue()


def _is_jpeg(path: Any, options: dict[str, Any]) -> bool:
    kind = options.get("format")
    if kind is None and isinstance(path, (str, os.PathLike)):
        kind = os.path.splitext(os.fsdecode(path))[1].lstrip(".")
    return str(kind).lower() in ("jpg", "jpeg", "jpe", "jfif")
