# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd reads the services without a word, and lets them do no more than they need.

DEPLOY_UNITS    the built units
DEPLOY_SOURCE   the checkout
DEPLOY_COMMAND  the built command `cuframes`
DEPLOY_BINDIR   where it will be installed
"""

import configparser
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

UNITS = pathlib.Path(os.environ["DEPLOY_UNITS"])
SOURCE = pathlib.Path(os.environ["DEPLOY_SOURCE"])
COMMAND = os.environ["DEPLOY_COMMAND"]
BINDIR = os.environ["DEPLOY_BINDIR"]
CAMERA, EXPORT = "cuframes-camera@cam-gate.service", "cuframes-export.service"
SYSTEM = "usr/lib/systemd/system"


def service(name):
    """The section [Service], of which the values of a key that stands several times are joined."""
    options = configparser.RawConfigParser(strict=False, delimiters="=", interpolation=None)
    options.optionxform = str
    text = (UNITS / name).read_text()
    options.read_string(text)
    section = dict(options["Service"])
    section["Environment"] = " ".join(re.findall(r"^Environment=(.*)$", text, re.MULTILINE))
    return section


class SystemdTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cuframes-systemd-"))
        self.addCleanup(shutil.rmtree, self.root)
        # The system's own units, which the services are ordered by, without the programs of all of them.
        shutil.copytree(f"/{SYSTEM}", self.root / SYSTEM, symlinks=True)
        for unit in UNITS.glob("*.service"):
            shutil.copy(unit, self.root / SYSTEM)
        (self.root / BINDIR.lstrip("/")).mkdir(parents=True)
        shutil.copy("/bin/true", self.root / BINDIR.lstrip("/") / "cuframes")

    def analyze(self, *words):
        done = subprocess.run(
            ["systemd-analyze", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.defpath},
        )
        return done.returncode, done.stdout + done.stderr

    def verify(self, unit):
        status, said = self.analyze("verify", f"--root={self.root}", "--man=no", "--recursive-errors=no", unit)
        # What it says of units of the system is not ours.
        return status, [line for line in said.splitlines() if "cuframes" in line]

    def change(self, unit, old, new):
        path = self.root / SYSTEM / unit
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def test_services_are_understood(self):
        for unit in (CAMERA, EXPORT):
            self.assertEqual(self.verify(unit), (0, []), unit)

    def test_what_is_wrong_would_be_seen(self):
        self.change("cuframes-camera@.service", "WatchdogSec=", "WatchdogSek=")
        self.assertIn("Unknown key 'WatchdogSek'", self.verify(CAMERA)[1][0])
        self.change(EXPORT, f"{BINDIR}/cuframes export", f"{BINDIR}/cuframez export")
        status, said = self.verify(EXPORT)
        self.assertNotEqual(status, 0)
        self.assertIn("is not executable", said[0])

    def test_they_may_do_little(self):
        for unit, most in ((CAMERA, 25), (EXPORT, 15)):
            status, said = self.analyze(
                "security", "--offline=true", f"--root={self.root}", "--no-pager", f"--threshold={most}", unit
            )
            self.assertEqual(status, 0, said)

    def test_a_camera_sees_its_gpu_and_may_compile_for_it(self):
        camera = service("cuframes-camera@.service")
        self.assertNotEqual(camera.get("PrivateDevices"), "yes")
        self.assertNotEqual(camera.get("MemoryDenyWriteExecute"), "yes")
        allowed = re.findall(r"^DeviceAllow=(\S+) rw$", (UNITS / "cuframes-camera@.service").read_text(), re.MULTILINE)
        self.assertLessEqual({"char-nvidia*", "char-drm", "char-video4linux"}, set(allowed))

    def test_one_camera_that_ends_leaves_the_sockets_of_the_others(self):
        for unit in ("cuframes-camera@.service", EXPORT):
            section = service(unit)
            self.assertEqual((section["RuntimeDirectory"], section["RuntimeDirectoryPreserve"]), ("cuframes", "yes"))
            self.assertIn("CUFRAMES_DIR=/run/cuframes", section["Environment"])

    def test_a_camera_is_watched_and_tried_again_less_and_less_often(self):
        camera = service("cuframes-camera@.service")
        self.assertEqual((camera["Type"], camera["Restart"]), ("notify", "always"))
        self.assertLess(int(camera["RestartSec"]), int(camera["RestartMaxDelaySec"]))
        self.assertGreater(int(camera["WatchdogSec"]), 0)

    def test_user_and_groups_are_made(self):
        users = (SOURCE / "deploy/systemd/cuframes.conf").read_text()
        for unit in ("cuframes-camera@.service", EXPORT):
            section = service(unit)
            self.assertRegex(users, rf"(?m)^u {section['User']} ")
            # A group that is missing is a service that does not start.
            for group in section.get("SupplementaryGroups", "").split():
                self.assertRegex(users, rf"(?m)^g {group} ")

    def test_the_command_takes_what_the_services_give_it(self):
        known = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
        for unit, verb in (("cuframes-camera@.service", "publish"), (EXPORT, "export")):
            if not re.search(rf"^ +{verb} ", known, re.MULTILINE):
                self.skipTest(f"there is no verb {verb} here")
            words = shlex.split(service(unit)["ExecStart"].replace("%i", "cam-gate"))
            self.assertEqual(words[:2], [f"{BINDIR}/cuframes", verb])
            options = {word for word in words[2:] if word.startswith("--")} | set(
                re.findall(r"--[a-z-]+", service(unit)["Environment"])
            )
            help_of_it = subprocess.run([COMMAND, verb, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertEqual({option for option in options if option not in help_of_it}, set(), unit)


if __name__ == "__main__":
    unittest.main(verbosity=2)
