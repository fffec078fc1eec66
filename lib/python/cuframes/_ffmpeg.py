# SPDX-License-Identifier: LGPL-2.1-or-later
"""What FFmpeg, and with it PyAV and OpenCV, call things that GStreamer calls otherwise: formats, and what colours mean."""

from __future__ import annotations

FORMATS = {
    "rgb24": "RGB",
    "bgr24": "BGR",
    "rgba": "RGBA",
    "bgra": "BGRA",
    "argb": "ARGB",
    "abgr": "ABGR",
    "rgb0": "RGBx",
    "bgr0": "BGRx",
    "0rgb": "xRGB",
    "0bgr": "xBGR",
    "rgba64le": "RGBA64_LE",
    "bgra64le": "BGRA64_LE",
    "rgb565le": "RGB16",
    "bgr565le": "BGR16",
    "rgb555le": "RGB15",
    "bgr555le": "BGR15",
    "gbrp": "GBR",
    "gbrp10le": "GBR_10LE",
    "gbrp12le": "GBR_12LE",
    "gbrp16le": "GBR_16LE",
    "gbrap": "GBRA",
    "gbrap10le": "GBRA_10LE",
    "gbrap12le": "GBRA_12LE",
    "gray": "GRAY8",
    "gray10le": "GRAY10_LE16",
    "gray16le": "GRAY16_LE",
    "yuv410p": "YUV9",
    "yuv411p": "Y41B",
    "yuv420p": "I420",
    "yuv420p10le": "I420_10LE",
    "yuv420p12le": "I420_12LE",
    "yuv422p": "Y42B",
    "yuv422p10le": "I422_10LE",
    "yuv422p12le": "I422_12LE",
    "yuv444p": "Y444",
    "yuv444p10le": "Y444_10LE",
    "yuv444p12le": "Y444_12LE",
    "yuv444p16le": "Y444_16LE",
    "yuva420p": "A420",
    "yuva420p10le": "A420_10LE",
    "yuva420p16le": "A420_16LE",
    "yuva422p": "A422",
    "yuva422p10le": "A422_10LE",
    "yuva422p12le": "A422_12LE",
    "yuva422p16le": "A422_16LE",
    "yuva444p": "A444",
    "yuva444p10le": "A444_10LE",
    "yuva444p12le": "A444_12LE",
    "yuva444p16le": "A444_16LE",
    "nv12": "NV12",
    "nv16": "NV16",
    "nv21": "NV21",
    "nv24": "NV24",
    "p010le": "P010_10LE",
    "p012le": "P012_LE",
    "p016le": "P016_LE",
    "yuyv422": "YUY2",
    "yvyu422": "YVYU",
    "uyvy422": "UYVY",
    "y210le": "Y210",
    "y212le": "Y212_LE",
    "ayuv": "AYUV",
    "ayuv64le": "AYUV64",
    "vuya": "VUYA",
}
# As FFmpeg has it: a name without a byte order is of this machine's.
FORMATS.update({name[:-2]: known for name, known in tuple(FORMATS.items()) if name.endswith("le")})

FULL_RANGE = {"yuvj420p": "I420", "yuvj422p": "Y42B", "yuvj444p": "Y444", "yuvj411p": "Y41B"}
"""Names that say at the same time that the range is full."""

# From the numbers of ITU-T H.273, which FFmpeg uses, to those of GstVideoColorMatrix and its like.
_MATRICES = {0: 1, 1: 3, 4: 2, 5: 4, 6: 4, 7: 5, 9: 6, 10: 6}
_TRANSFERS = {1: 5, 4: 4, 5: 8, 6: 16, 7: 6, 8: 1, 9: 9, 10: 10, 13: 7, 14: 13, 15: 11, 16: 14, 18: 15}
_PRIMARIES = {1: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7, 10: 9, 11: 10, 12: 11, 22: 12}
_NAMES = {
    "2:4:16:4": "bt601",
    "2:3:5:1": "bt709",
    "2:5:6:5": "smpte240m",
    "1:1:7:1": "sRGB",
    "2:6:11:7": "bt2020",
    "2:6:13:7": "bt2020-10",
    "2:6:14:7": "bt2100-pq",
    "2:6:15:7": "bt2100-hlg",
}


def colorimetry(full: bool | None, matrix: int, transfer: int, primaries: int, height: int) -> str:
    """As caps of YUV say it; "" where neither range nor matrix is known (None, and 2).

    GStreamer takes no range without a matrix: one that is not known is that of the size, as everybody guesses it.
    """
    known = _MATRICES.get(matrix, 0)
    if known == 0 and full is None:
        return ""
    known = known or (4 if height <= 576 else 3)
    numbers = f"{1 if full else 2}:{known}:{_TRANSFERS.get(transfer, 0)}:{_PRIMARIES.get(primaries, 0)}"
    return _NAMES.get(numbers, numbers)
