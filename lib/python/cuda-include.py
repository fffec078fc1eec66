# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the folder with cuda.h among the installed Python packages of NVIDIA, or nothing."""

import importlib.util
from pathlib import Path

spec = importlib.util.find_spec("nvidia")
folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
# nvidia/cu13/include since CUDA 13, nvidia/cuda_runtime/include before.
headers = sorted(header for folder in folders for header in folder.glob("*/include/cuda.h"))
if headers:
    print(headers[-1].parent)
