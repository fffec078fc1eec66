# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways of carrying frames between processes that are measured side by side."""

import dataclasses
import subprocess


@dataclasses.dataclass(frozen=True)
class System:
    """`sink` and `source` are elements with their properties; {directory}, {slots} and {bytes} are filled in."""

    name: str
    memory: str
    sink: str
    source: str

    @property
    def is_ours(self):
        return self.name.startswith("cuframes")

    def available(self):
        names = (self.sink.split()[0], self.source.split()[0])
        return all(subprocess.run(["gst-inspect-1.0", "--exists", name]).returncode == 0 for name in names)


def _cuframes(memory):
    sink = "cuframessink key=bench directory={directory} slots={slots} sync=false"
    source = "cuframessrc key=bench directory={directory}"
    return [System(f"cuframes {mode}", memory, sink, f"{source} mode={mode}") for mode in ("newest", "strict")]


def _cudaipc(name, sink_options, source_options):
    return System(
        f"cudaipc {name}",
        "cuda",
        f"cudaipcsink address={{directory}}/ipc sync=false {sink_options}",
        f"cudaipcsrc address={{directory}}/ipc {source_options}",
    )


SYSTEMS = [
    *_cuframes("cuda"),
    _cudaipc("mmap", "ipc-mode=mmap", ""),
    _cudaipc("legacy, copy", "ipc-mode=legacy", "io-mode=copy"),
    _cudaipc("legacy, import", "ipc-mode=legacy", "io-mode=import"),
    *_cuframes("host"),
    System(
        "unixfd",
        "host",
        "unixfdsink socket-path={directory}/fd sync=false",
        "unixfdsrc socket-path={directory}/fd",
    ),
    System(
        "shm",
        "host",
        "shmsink socket-path={directory}/shm sync=false wait-for-connection=false shm-size={bytes}",
        "shmsrc socket-path={directory}/shm is-live=true",
    ),
]
