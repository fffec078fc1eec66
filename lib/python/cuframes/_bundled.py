# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a wheel that was built beside GStreamer brings for `cuframes.gst`: libcuframes-gst, its typelib, and the plugin.

In a system-wide installation there is none of this, and nothing to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gi  # type: ignore[import-not-found, import-untyped, unused-ignore]

FOLDER = Path(__file__).parent / "_gst"


def add_library() -> None:
    """Lets gi find CuframesGst in the package; to be called before it is asked for."""
    if FOLDER.is_dir():
        repository = _repository()
        repository.prepend_search_path(str(FOLDER))
        repository.prepend_library_path(str(FOLDER))


def add_plugin(gst: Any) -> None:
    """Registers cuframessink and cuframessrc for this process, unless they are installed; to be called after Gst.init()."""
    if FOLDER.is_dir() and gst.ElementFactory.find("cuframessink") is None:
        gst.Registry.get().scan_path(str(FOLDER / "plugins"))


def _repository() -> Any:
    # Each PyGObject has a repository of its own kind: that of the other would be a second one, which it never reads.
    modern = gi.version_info >= (3, 51)
    gi.require_version("GIRepository", "3.0" if modern else "2.0")
    from gi.repository import GIRepository  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return GIRepository.Repository.dup_default() if modern else GIRepository.Repository
