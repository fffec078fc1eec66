# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: cameras, and the command while it runs."""

import os
import signal

import pytest
from cameras import Camera, RtspCamera, Running, StillCamera


@pytest.fixture
def camera(tmp_path):
    """Starts one."""
    started = []

    def start(line, env=None):
        started.append(Camera(line, tmp_path / f"camera{len(started)}", env))
        return started[-1]

    def start_still(line, *arguments):
        started.append(StillCamera(line, tmp_path / f"camera{len(started)}", *arguments))
        return started[-1]

    def start_rtsp(line, port=0):
        started.append(RtspCamera(line, tmp_path / f"camera{len(started)}", port))
        return started[-1]

    start.still = start_still
    start.rtsp = start_rtsp
    yield start
    for process in started:
        process.end()


@pytest.fixture
def running(tmp_path):
    """Starts the command, which is killed in the end."""
    started = []

    def start(*arguments, **options):
        folder = tmp_path / f"command{len(started)}"
        folder.mkdir()
        started.append(Running(arguments, folder, **options))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            os.killpg(process.process.pid, signal.SIGKILL)
            process.process.wait()
