# SPDX-License-Identifier: LGPL-2.1-or-later
"""`pip install .` gives a package that works by itself: in a fresh virtual environment, away from the checkout, with none
of this project's libraries and none of its compiler's installed.

PACKAGING_SOURCE    the checkout
PACKAGING_FOLDER    where wheel and environment are made; a build that is there already is gone on with
PACKAGING_ARCHIVES  a folder with the build requirements' wheels: the build is isolated, as pip does by default.
                    Without, the requirements are those that are installed.
PACKAGING_BUILD     where the build is made, if not in PACKAGING_FOLDER
PACKAGING_OPTIONS   Meson's options for it; without, no optimizer is asked for
PACKAGING_WITH_GST  not empty: GStreamer is here to build for, so the wheel must serve pipelines too
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

SOURCE = pathlib.Path(os.environ["PACKAGING_SOURCE"])
FOLDER = pathlib.Path(os.environ["PACKAGING_FOLDER"])
ARCHIVES = os.environ.get("PACKAGING_ARCHIVES")
WITH_GST = bool(os.environ.get("PACKAGING_WITH_GST"))
BUILD = pathlib.Path(os.environ.get("PACKAGING_BUILD") or FOLDER / "build")
# How fast the code is tells nothing here, and users wait for the compiler but once.
OPTIONS = shlex.split(os.environ.get("PACKAGING_OPTIONS") or "-Doptimization=0")
CUDA_INCLUDE = os.environ.get("PACKAGING_CUDA_INCLUDE")

# All that every Linux has; the rest of the C library's parts went into libc.
C_LIBRARY = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"}

PUBLISH = """
import ctypes, sys, cuframes
with cuframes.publish("packaged", format="NV12", width=64, height=48, memory="host") as publisher:
    publisher.wait_subscribers(1, timeout_ms=30000)
    with publisher.acquire() as slot:
        for number, plane in enumerate(slot.planes):
            ctypes.memset(plane.data_ptr, 10 + number, plane.buffer_size)
        slot.pts = 123456789
    sys.stdin.read()
"""

READ = """
import ctypes, cuframes
with cuframes.subscribe("packaged", connect_timeout_ms=30000) as subscriber:
    with subscriber.next_frame(timeout_ms=30000) as frame:
        bytes_of = [set(ctypes.string_at(plane.data_ptr, plane.row_bytes)) for plane in frame.planes]
        print(cuframes.__file__, frame.format, frame.width, frame.height, frame.pts, *bytes_of, sep="|")
"""

PIPELINE = """
import ctypes, cuframes
from cuframes import gst
from gi.repository import Gst

pipeline = Gst.parse_launch(
    "videotestsrc pattern=white num-buffers=1 ! video/x-raw,format=GRAY8,width=32,height=8 ! appsink name=end"
)
pipeline.set_state(Gst.State.PLAYING)
frame = gst.wrap(pipeline.get_by_name("end").emit("pull-sample"))
plane = frame.planes[0]
print("wrapped", plane.shape, set(ctypes.string_at(plane.data_ptr, plane.row_bytes)), sep="|")
pipeline.set_state(Gst.State.NULL)

pipeline = Gst.parse_launch(
    "videotestsrc is-live=true ! video/x-raw,format=NV12,width=32,height=8 ! cuframessink key=pipeline"
)
print("plugin", pipeline.get_by_name("cuframessink0").get_factory().get_plugin().get_filename(), sep="|")
pipeline.set_state(Gst.State.PLAYING)
with cuframes.subscribe("pipeline", connect_timeout_ms=30000) as subscriber:
    print("shared", subscriber.next_frame(timeout_ms=30000).format, sep="|")
pipeline.set_state(Gst.State.NULL)
"""


# The package and the plugin, in both orders.
ONE_KEY = """
import os, cuframes
from cuframes import gst
from gi.repository import Gst

def play(pipeline):
    pipeline.set_state(Gst.State.PLAYING)
    change, state, _ = pipeline.get_state(30 * Gst.SECOND)
    if change == Gst.StateChangeReturn.FAILURE:
        message = pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, Gst.MessageType.ERROR)
        pipeline.set_state(Gst.State.NULL)
        error, _ = message.parse_error()
        return error.message
    return ""

def publish():
    return cuframes.publish("one", format="GRAY8", width=32, height=8, memory="host")

def refused(message):
    print("refused" if f"publisher of this very process (pid {os.getpid()})" in message else message)

sink = Gst.parse_launch("videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=32,height=8 ! cuframessink key=one")
print("sink" + play(sink))
try:
    publish()
except cuframes.KeyInUse as error:
    refused(str(error))
sink.set_state(Gst.State.NULL)
with publish():
    print("package")
    refused(play(sink))
print("sink" + play(sink), "again")
sink.set_state(Gst.State.NULL)
"""

# The libraries of that name in the process.
LOADED = """
import re
print(*{line.split()[-1] for line in open("/proc/self/maps") if re.search(r"/libcuframes(-wheel)?[.]so$", line)})
"""


def build_wheel():
    """The wheel of this checkout."""
    made = FOLDER / "made"
    shutil.rmtree(made, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", str(SOURCE), "--no-deps", "--no-index", "--wheel-dir", str(made)]
    if ARCHIVES:
        # The folder of the build requirements has another name each time, so nothing of an earlier build can be used.
        shutil.rmtree(BUILD, ignore_errors=True)
        command += ["--find-links", ARCHIVES]
    else:
        command += ["--no-build-isolation"]
    command += [f"--config-settings=build-dir={BUILD}"]
    command += [f"--config-settings=setup-args={option}" for option in OPTIONS]
    if CUDA_INCLUDE:
        command += [f"--config-settings=setup-args=-Dcuda-include={CUDA_INCLUDE}"]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (wheel,) = made.glob("cuframes-*.whl")
    return wheel


def needed(library):
    """The shared libraries that a file asks for."""
    out = subprocess.run(["readelf", "--dynamic", "--wide", library], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))


def search_paths(library):
    out = subprocess.run(["readelf", "--dynamic", "--wide", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", out)


def exported(library):
    """The names that a file defines for others."""
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", library]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in out.splitlines()}


class WheelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-wheel-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.wheel = build_wheel()
        cls.python = cls.folder / "venv/bin/python"
        # PyGObject is the distribution's; cuframes is not there.
        site = ["--system-site-packages"] if WITH_GST else []
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", *site, cls.folder / "venv"], check=True)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "--python",
                cls.python,
                "install",
                "--quiet",
                "--no-index",
                "--no-deps",
                "--disable-pip-version-check",
                cls.wheel,
            ],
            check=True,
        )
        cls.package = pathlib.Path(cls.run_python("import cuframes; print(cuframes.__file__)").strip()).parent

    @classmethod
    def environment(cls):
        keep = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        return {**env, "CUFRAMES_DIR": str(cls.folder), "GST_REGISTRY": str(cls.folder / "registry.bin")}

    @classmethod
    def start(cls, code, settings=None, **options):
        env = {**cls.environment(), **(settings or {})}
        return subprocess.Popen([cls.python, "-c", code], cwd=cls.folder, env=env, text=True, **options)

    @classmethod
    def run_python(cls, code, **settings):
        with cls.start(code, settings, stdout=subprocess.PIPE) as process:
            out, _ = process.communicate(timeout=60)
        if process.returncode != 0:
            raise AssertionError(f"exit status {process.returncode}: {out}")
        return out

    def test_installed_where_it_was_asked_to(self):
        self.assertTrue(self.package.is_relative_to(self.folder), self.package)

    def test_frames_travel_between_two_processes(self):
        with self.start(PUBLISH, stdin=subprocess.PIPE) as publisher:
            try:
                said = self.run_python(READ).strip().split("|")
            finally:
                publisher.communicate("", timeout=60)
        self.assertEqual(said, [str(self.package / "__init__.py"), "NV12", "64", "48", "123456789", "{10}", "{11}"])
        self.assertEqual(publisher.returncode, 0)

    def test_gpu_support_is_always_built_in(self):
        # What may be missing here is a driver or a GPU, for which nobody has to build again.
        said = self.run_python(
            "import cuframes\ntry: cuframes.cuda_self_test()\nexcept cuframes.Error as error: print(error)"
        )
        self.assertNotIn("no CUDA support", said)

    def test_native_module_needs_nothing_but_the_package_and_the_c_library(self):
        (module,) = self.package.glob("_native.*.so")
        for library in (module, self.package / "libcuframes-wheel.so"):
            others = {name for name in needed(library) - C_LIBRARY if not name.startswith("ld-linux")}
            self.assertEqual(others, {"libcuframes-wheel.so"} if library == module else set())
        self.assertEqual(exported(module), {"PyInit__native"})
        self.assertEqual(search_paths(module), ["$ORIGIN"])

    def test_nothing_but_the_package_is_installed(self):
        with zipfile.ZipFile(self.wheel) as archive:
            names = set(archive.namelist())
        tops = {name.split("/")[0] for name in names}
        self.assertEqual({top for top in tops if not top.endswith(".dist-info")}, {"cuframes"})
        kinds = {pathlib.PurePath(name).suffix for name in names if name.startswith("cuframes/")}
        self.assertLessEqual(kinds, {".py", ".pyi", ".cu", ".typed", ".so", ".typelib", ""})
        self.assertLess(self.wheel.stat().st_size, 8 << 20)

    def test_types_and_licenses_are_in_it(self):
        with zipfile.ZipFile(self.wheel) as archive:
            names = set(archive.namelist())
            (metadata,) = [archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
        self.assertLessEqual({"cuframes/py.typed", "cuframes/_native.pyi", "cuframes/errors.py"}, names)
        licenses = {pathlib.PurePath(name).name for name in names if "/licenses/" in name}
        self.assertEqual(licenses, {"LICENSE", "nanobind.txt", "robin-map.txt", "dlpack.txt"})
        for line in ("License-Expression: LGPL-2.1-or-later", "Requires-Python: >=3.10"):
            self.assertIn(line, metadata)

    @unittest.skipUnless(WITH_GST, "no GStreamer to build for")
    def test_pipelines_work_with_what_the_wheel_brings(self):
        said = dict(line.split("|", 1) for line in self.run_python(PIPELINE).splitlines())
        self.assertEqual(said["wrapped"], "(8, 32)|{235}")
        self.assertEqual(said["plugin"], str(self.package / "_gst/plugins/libgstcuframes.so"))
        self.assertEqual(said["shared"], "NV12")

    @unittest.skipUnless(WITH_GST, "no GStreamer to build for")
    def test_libraries_for_pipelines_use_the_core_of_the_package(self):
        paths = {"_gst/libcuframes-gst.so": "$ORIGIN/..", "_gst/plugins/libgstcuframes.so": "$ORIGIN/../.."}
        found = {str(library.relative_to(self.package)) for library in self.package.glob("_gst/**/*.so")}
        self.assertEqual(found, set(paths))
        for name, path in paths.items():
            library = self.package / name
            others = {name for name in needed(library) if "cuframes" in name or "stdc++" in name}
            self.assertEqual(others, {"libcuframes-wheel.so"}, name)
            self.assertEqual(search_paths(library), [path], name)

    @unittest.skipUnless(WITH_GST, "no GStreamer to build for")
    def test_one_key_has_one_publisher_whoever_of_the_package_made_it(self):
        self.assertEqual(self.run_python(ONE_KEY).split(), ["sink", "refused", "package", "refused", "sink", "again"])

    @unittest.skipUnless(WITH_GST, "no GStreamer to build for")
    def test_an_installed_library_of_the_same_name_is_not_taken(self):
        # Neither where the loader looks first, nor loaded already.
        other = self.folder / "other"
        other.mkdir()
        program = ["gcc", "-shared", "-x", "c", "-", "-o", other / "libcuframes-wheel.so"]
        subprocess.run(program, input="int other_cuframes = 1;\n", check=True, text=True)
        subprocess.run(
            [*program[:-1], other / "libcuframes.so.0.1", "-Wl,-soname,libcuframes.so.0.1"],
            input="int other_cuframes = 1;\n",
            check=True,
            text=True,
        )
        code = f"import ctypes; ctypes.CDLL('{other}/libcuframes.so.0.1', ctypes.RTLD_GLOBAL)\n{ONE_KEY}"
        said = self.run_python(code + LOADED, LD_LIBRARY_PATH=str(other)).split()
        self.assertEqual(said[-1], str(self.package / "libcuframes-wheel.so"))
        self.assertEqual(said[:2], ["sink", "refused"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
