# SPDX-License-Identifier: LGPL-2.1-or-later
"""Colours are right: as GStreamer's videoconvert and FFmpeg's swscale make them, to 2 of 255 and half a level on average.

With swscale the agreement is to one level, for noise too (of colours that there are: it overflows far beyond). videoconvert
is asked for its arithmetic of 16 bits, see `picture_references.by_videoconvert()`.
"""

import numpy
import pytest
from cuframes._pixel_layouts import LAYOUTS

pytest.importorskip("gi")
references = pytest.importorskip("picture_references")

MATRICES = {
    "bt601": ("4", "smpte170m"),
    "bt709": ("3", "bt709"),
    "bt2020": ("6", "bt2020"),
    "smpte240m": ("5", "smpte240m"),
    "fcc": ("2", "fcc"),
}
SITES = {"jpeg": (128, 128), "mpeg2": (0, 128), "cosited": (0, 0), "v-cosited": (128, 0)}


@pytest.fixture(autouse=True)
def gst(need, host_only):
    return need("cuframes.gst")


def assert_close(found, expected, mean=0.5, most=2):
    difference = numpy.abs(found.astype(int) - numpy.rint(expected).astype(int))
    worst = numpy.unravel_index(difference.argmax(), difference.shape)
    assert difference.max() <= most, f"{difference.max()} of 255 at {worst}: {found[worst]} and not {expected[worst]}"
    assert difference.mean() < mean, f"{difference.mean()} of 255 on average"


@pytest.mark.parametrize("range", ["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_swscale_agrees_on_every_matrix_range_and_siting(gst, matrix, range):
    number, theirs = MATRICES[matrix]
    for format in ("NV12", "I420_10LE", "Y42B"):
        for site, places in SITES.items():
            extra = f", colorimetry={1 if range == 'full' else 2}:{number}:0:0, chroma-site={site}"
            frame = gst.wrap(references.sample_of(format, references.sharp(64, 48), extra))
            expected = references.by_swscale(frame, references.FFMPEG_NAMES[format], theirs, range == "full", places)
            assert_close(frame.to_ndarray("rgb24"), expected)


@pytest.mark.parametrize("format", [*references.FFMPEG_NAMES, *references.FFMPEG_PLAIN_NAMES])
def test_swscale_agrees_on_every_format_that_ffmpeg_has(gst, format):
    yuv = format in references.FFMPEG_NAMES
    name = references.FFMPEG_NAMES.get(format) or references.FFMPEG_PLAIN_NAMES[format]
    for width, height in ((64, 48), (38, 22)):
        extra = ", colorimetry=bt709, chroma-site=mpeg2" if yuv else ""
        frame = gst.wrap(references.sample_of(format, references.sharp(width, height), extra))
        assert_close(frame.to_ndarray("rgb24"), references.by_swscale(frame, name, full_range=not yuv, site=(0, 128)))


@pytest.mark.parametrize("range", ["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_videoconvert_agrees_on_every_matrix_and_range(gst, matrix, range):
    """And on the sitings that it has: of chroma that lies on a row of luma it takes the nearest row, without a word."""
    for format in ("P010_10LE", "I422_12LE"):
        for site in ("jpeg", "mpeg2"):
            extra = f", colorimetry={1 if range == 'full' else 2}:{MATRICES[matrix][0]}:0:0, chroma-site={site}"
            for picture in (references.smooth, references.sharp):
                sample = references.sample_of(format, picture(48, 32), extra)
                assert_close(gst.wrap(sample).to_ndarray("rgb24"), references.by_videoconvert(sample))


@pytest.mark.parametrize("format", [name for name in references.formats() if name in LAYOUTS])
@pytest.mark.parametrize("size", [(64, 48), (37, 23)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_videoconvert_agrees_on_every_format(gst, format, size):
    """With nothing but GStreamer's defaults, and with odd sizes."""
    for picture in (references.smooth, references.sharp):
        sample = references.sample_of(format, picture(*size))
        frame = gst.wrap(sample)
        found, expected = frame.to_ndarray("rgb24"), references.by_videoconvert(sample)
        if format == "GRAY8":
            # Nothing is to be computed here, and brought to 16 bits it is half a level off.
            expected = numpy.repeat(numpy.asarray(frame.planes[0])[..., None], 3, 2)
        # Where the last pixels are not all that share chroma, videoconvert's filter for four leaves out those before too,
        # and of VYUY it exchanges the chroma.
        columns, rows = size
        layout = LAYOUTS[format]
        if format == "VYUY" or layout.shared[0] > 1:
            columns -= columns % 4 and columns % 4 + 4
        if layout.shared[1] > 1:
            rows -= rows % 4 and rows % 4 + 4
        # It rounds chroma to 8 bits each time that it interpolates, which is not yet half a level of the result.
        rounded = layout.model == "yuv" and layout.depths[0] == 8 and layout.shared[1] > 0
        assert_close(found[:rows, :columns], expected[:rows, :columns], mean=0.75 if rounded else 0.5)


@pytest.mark.parametrize("height", [576, 577, 720])
def test_frames_without_colorimetry_have_the_colours_that_gstreamer_gives_them(gst, height):
    """SD and HD: BT.601 up to 576 rows, BT.709 above, and chroma where it lies then."""
    for format in ("NV12", "P010_10LE", "RGB", "GRAY16_LE"):
        made = references.sample_of(format, references.smooth(32, height))
        sample = references.with_caps(made, references.caps_text(format, 32, height))
        # Of 8 bits as above; the steepest colour here makes three levels of a rounding in chroma.
        rounded = {"mean": 1.0, "most": 3} if format == "NV12" else {}
        assert_close(gst.wrap(sample).to_ndarray("rgb24"), references.by_videoconvert(sample), **rounded)
