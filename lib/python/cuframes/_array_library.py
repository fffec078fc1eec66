# SPDX-License-Identifier: LGPL-2.1-or-later
"""The few operations that converting pictures takes, in terms of NumPy, CuPy or torch: what those spell differently.

All of them work where the arrays are. Nothing here goes from a GPU to the host or back.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def imported(name: str, why: str) -> Any:
    """A library that the package does not need itself. ImportError: which one is missing for what, and how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        package = {"PIL": "pillow", "cv2": "opencv-python"}.get(name.partition(".")[0], name)
        raise ImportError(f"{why} needs {name}: pip install {package} ({missing})", name=name) from missing


class Library:
    """What is the same in NumPy and CuPy. Arrays are of either, so their type is not known here."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def integers(self, array: Any) -> Any:
        """As integers with room for shifts: 32 bits."""
        return array.astype(self.module.int32)

    def wide_integers(self, array: Any) -> Any:
        """As integers that hold 32 bits without a sign."""
        return array.astype(self.module.int64)

    def floats(self, array: Any) -> Any:
        return array.astype(self.module.float32)

    def count(self, stop: int, like: Any) -> Any:
        """0.0, 1.0, …, where `like` is."""
        return self.module.arange(stop, dtype=self.module.float32)

    def taken(self, array: Any, index: Any, axis: int) -> Any:
        return self.module.take(array, index, axis=axis)

    def looked_up(self, table: Any, index: Any) -> Any:
        return table[index]

    def reshaped(self, array: Any, shape: tuple[int, ...]) -> Any:
        return array.reshape(shape)

    def clipped(self, array: Any, low: float, high: float) -> Any:
        return self.module.clip(array, low, high)

    def floored(self, array: Any) -> Any:
        return self.module.floor(array)

    def stacked(self, arrays: list[Any], axis: int) -> Any:
        return self.module.stack(arrays, axis=axis)

    def joined(self, arrays: list[Any], axis: int) -> Any:
        return self.module.concatenate(arrays, axis=axis)

    def woven(self, arrays: list[Any]) -> Any:
        """The first columns of all, then the second ones, …"""
        return self.reshaped(self.stacked(arrays, 2), (arrays[0].shape[0], -1))


class TorchLibrary(Library):
    def integers(self, array: Any) -> Any:
        return array.to(self.module.int32)

    def wide_integers(self, array: Any) -> Any:
        return array.to(self.module.int64)

    def floats(self, array: Any) -> Any:
        return array.to(self.module.float32)

    def count(self, stop: int, like: Any) -> Any:
        return self.module.arange(stop, dtype=self.module.float32, device=like.device)

    def taken(self, array: Any, index: Any, axis: int) -> Any:
        return self.module.index_select(array, axis, index)

    def looked_up(self, table: Any, index: Any) -> Any:
        return table[index.to(self.module.int64)]

    def clipped(self, array: Any, low: float, high: float) -> Any:
        return array.clamp(low, high)

    def stacked(self, arrays: list[Any], axis: int) -> Any:
        return self.module.stack(arrays, dim=axis)

    def joined(self, arrays: list[Any], axis: int) -> Any:
        return self.module.cat(arrays, dim=axis)


def numpy_library(why: str) -> Library:
    return Library(imported("numpy", why))


def torch_library(why: str) -> TorchLibrary:
    return TorchLibrary(imported("torch", why))


def gpu_library(why: str) -> Library:
    """That which has arrays on a GPU here: what the program uses already, else torch, else CuPy."""
    names = sorted(("torch", "cupy"), key=lambda name: name not in sys.modules)
    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if name == "cupy":
            return Library(module)
        if module.cuda.is_available():
            return TorchLibrary(module)
    raise ImportError(
        f"{why} of a frame on a GPU needs torch with CUDA, or cupy, which has arrays there: pip install torch, or "
        "cupy-cuda13x; to_ndarray() and frame.copy(device='cpu') bring the picture to the host"
    )
