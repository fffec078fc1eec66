# SPDX-License-Identifier: LGPL-2.1-or-later
"""The wheels of ./dev wheels share frames between two processes, each in a fresh environment of each Python that it is for.

WHEELS   a folder with wheels
PYTHONS  interpreters, separated by spaces
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import zipfile

import abi3info
from abi3info.models import PyVersion
from test_wheel import PUBLISH, READ

WHEELS = pathlib.Path(os.environ["WHEELS"])
PYTHONS = os.environ["PYTHONS"].split()


def install(python, folder):
    """The package in an environment of that Python, taken from the wheels alone."""
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    own = folder / "venv/bin/python"
    command = [own, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", WHEELS, "cuframes"]
    subprocess.run([*command, "--disable-pip-version-check"], check=True)
    return own


def used_of_python(module):
    """The names that a module takes from the interpreter."""
    command = ["nm", "--dynamic", "--undefined-only", "--format=posix", module]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in said.splitlines() if re.match(r"_?Py", line)}


def stable_names(version):
    """What that Python and all later ones have."""
    tables = (abi3info.FUNCTIONS, abi3info.DATAS)
    return {symbol.name for table in tables for symbol, item in table.items() if item.added <= version}


class WheelsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cuframes-wheels-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, python, code, **options):
        env = {"PATH": os.environ["PATH"], "CUFRAMES_DIR": str(self.folder)}
        return subprocess.Popen([python, "-c", code], cwd=self.folder, env=env, text=True, **options)

    def test_frames_travel_between_two_processes(self):
        for interpreter in PYTHONS:
            with self.subTest(interpreter), tempfile.TemporaryDirectory(dir=self.folder) as folder:
                python = install(interpreter, pathlib.Path(folder))
                with self.start(python, PUBLISH, stdin=subprocess.PIPE) as publisher:
                    with self.start(python, READ, stdout=subprocess.PIPE) as reader:
                        said, _ = reader.communicate(timeout=60)
                    publisher.communicate("", timeout=60)
                self.assertEqual((reader.returncode, publisher.returncode), (0, 0))
                where, *frame = said.strip().split("|")
                self.assertTrue(where.startswith(folder), where)
                self.assertEqual(frame, ["NV12", "64", "48", "123456789", "{10}", "{11}"])
                version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
                (module,) = pathlib.Path(where).parent.glob("_native*.so")
                print(f"{version}: {module.name}", flush=True)

    def test_gpu_support_is_built_in(self):
        python = install(PYTHONS[0], self.folder)
        code = "import cuframes\ntry: cuframes.cuda_self_test()\nexcept cuframes.Error as error: print(error)"
        with self.start(python, code, stdout=subprocess.PIPE) as process:
            said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertNotIn("no CUDA support", said)

    def test_one_wheel_for_many_pythons_uses_the_stable_interface_alone(self):
        wheels = list(WHEELS.glob("*-abi3-*.whl"))
        versions = [subprocess.check_output([python, "-V"], text=True).split()[1] for python in PYTHONS]
        self.assertEqual(bool(wheels), any(int(version.split(".")[1]) >= 12 for version in versions), versions)
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                (name,) = [name for name in archive.namelist() if re.search(r"_native\..*so$", name)]
                module = archive.extract(name, self.folder)
            self.assertRegex(name, r"_native\.abi3\.so$")
            used = used_of_python(module)
            self.assertGreater(len(used), 50)
            self.assertEqual(used - stable_names(PyVersion(3, 12)), set(), wheel.name)

    def test_wheels_say_which_linux_they_are_for(self):
        names = [wheel.name for wheel in WHEELS.glob("*.whl")]
        self.assertEqual([name for name in names if not re.search(r"-manylinux_2_\d+_\w+\.whl$", name)], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
