# SPDX-License-Identifier: LGPL-2.1-or-later
"""`meson install` puts everything where the documentation says it is found: in a mount namespace whose /usr/local is the
installation, with no variables but those of docs/howto/build.md.

INSTALL_BUILD   the build folder, with everything built
INSTALL_SOURCE  the checkout
INSTALL_PREFIX  the prefix that it is configured for
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["INSTALL_BUILD"])
SOURCE = pathlib.Path(os.environ["INSTALL_SOURCE"])
PREFIX = os.environ["INSTALL_PREFIX"]
SKIPPED = 77

# Hides what this machine has at the prefix, and its cache of libraries, from one command only.
ENTER = """
set -e
mount --rbind "$1$2" "$2"
PATH=$PATH:/usr/sbin:/sbin ldconfig -C "$1/libraries"
mount --bind "$1/libraries" /etc/ld.so.cache
cd "$1"
shift 2
exec "$@"
"""

UNSHARE = [
    "unshare",
    *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
    "--mount",
    "--propagation",
    "private",
]

FRAME = """
import cuframes, threading
with cuframes.publish("installed", format="GRAY8", width=8, height=2, memory="host") as publisher:
    with cuframes.subscribe("installed", connect_timeout_ms=30000) as subscriber:
        reader = threading.Thread(target=subscriber.connect)
        reader.start()
        publisher.wait_subscribers(1, timeout_ms=30000)
        reader.join()
        with publisher.acquire() as slot:
            slot.pts = 7
        print(cuframes.__file__, subscriber.next_frame(timeout_ms=30000).pts, sep="|")
"""


def documented_settings():
    """The variables that docs/howto/build.md names for programs that use an installation in the default prefix."""
    text = (SOURCE / "docs/howto/build.md").read_text()
    lines = re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE)
    triplet = subprocess.check_output(["gcc", "-dumpmachine"], text=True).strip()
    return {name: value.replace("x86_64-linux-gnu", triplet) for name, value in lines}


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run(
            ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.folder], check=True
        )

    def run_installed(self, *command, settings=None):
        env = {
            "PATH": f"{PREFIX}/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "CUFRAMES_DIR": str(self.folder),
            **(settings or {}),
        }
        done = subprocess.run(
            [*UNSHARE, "bash", "-c", ENTER, "enter", self.folder, PREFIX, *command],
            env=env,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout.strip()

    def test_python_finds_the_package_and_shares_a_frame(self):
        where, pts = self.run_installed("python3", "-c", FRAME).split("|")
        self.assertEqual(pts, "7")
        self.assertTrue(where.startswith(f"{PREFIX}/lib/python3"), where)
        self.assertIn(
            f"`{re.sub('3[.][0-9]+', '3.X', where.removeprefix(PREFIX + '/').removesuffix('/cuframes/__init__.py'))}`",
            (SOURCE / "docs/howto/build.md").read_text(),
        )

    def test_bytecode_is_installed_and_names_the_place_in_the_end(self):
        code = (
            "import cuframes, importlib.util, marshal, pathlib; "
            "made = pathlib.Path(importlib.util.cache_from_source(cuframes.__file__)); "
            "print(made.exists() and marshal.loads(made.read_bytes()[16:]).co_filename == cuframes.__file__)"
        )
        self.assertEqual(self.run_installed("python3", "-B", "-c", code), "True")

    def test_pipelines_find_the_elements_and_tensors(self):
        settings = documented_settings()
        self.assertEqual(set(settings), {"GST_PLUGIN_PATH", "GI_TYPELIB_PATH"})
        for element in ("cuframessink", "cuframessrc"):
            self.run_installed("gst-inspect-1.0", "--exists", element, settings=settings)
        code = "import cuframes.gst; from gi.repository import CuframesGst; print(CuframesGst.View.PIXELS.value_nick)"
        self.assertEqual(self.run_installed("python3", "-c", code, settings=settings), "pixels")

    def test_the_command_is_there_with_its_pages_and_completions(self):
        if not (BUILD / "lib/tools/cuframes").exists():
            self.skipTest("the command is not built")
        self.assertIn("  ls ", self.run_installed("cuframes", "--help"))
        self.assertEqual(self.run_installed("cuframes", "ls", "--json"), '{\n  "rings": []\n}')
        share = self.folder / PREFIX.lstrip("/") / "share"
        self.assertIn("_cuframes", (share / "zsh/site-functions/_cuframes").read_text())
        self.assertIn("_cuframes", (share / "bash-completion/completions/cuframes").read_text())
        self.assertIn("cuframes", (share / "fish/vendor_completions.d/cuframes.fish").read_text())
        if shutil.which("scdoc"):
            self.assertIn("cuframes", (share / "man/man1/cuframes-ls.1").read_text())

    def test_compilers_find_headers_and_libraries(self):
        program = self.folder / "program.c"
        program.write_text(
            "#include <cuframes/cuframes.h>\n#include <cuframes-gst/cuframes-gst.h>\n"
            "int main(void) { cuframes_gst_drain(); return cuframes_error_string(0) == 0; }\n"
        )
        # Exactly these two lines, and a program that starts without LD_LIBRARY_PATH.
        self.run_installed(
            "sh", "-ec", f"gcc {program} -o program $(pkg-config --cflags --libs cuframes cuframes-gst)\n./program"
        )


if __name__ == "__main__":
    if PREFIX != "/usr/local":
        print(f"what is looked at is an installation in /usr/local, not in {PREFIX}")
        sys.exit(SKIPPED)
    if subprocess.run([*UNSHARE, "true"], check=False).returncode != 0:
        print("mount namespaces cannot be made here")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
