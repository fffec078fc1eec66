# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rights that compose.yaml and the manifests give are enough, and no more: a directory of the publisher's user and the
group of readers, mounted read-only for those.

The package is on PYTHONPATH. Needs root, for users of several numbers.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PUBLISHER, READER, GROUP = "10001", "10002", "10001"

PUBLISH = """
import sys, cuframes
with cuframes.publish("cam", format="GRAY8", width=64, height=8, memory="host", access="all") as publisher:
    with publisher.acquire() as slot:
        slot.pts = 7
    print("published", flush=True)
    sys.stdin.read()
"""

READ = """
import cuframes, os
try:
    os.mkdir(os.path.join(os.environ["CUFRAMES_DIR"], "more"))
except OSError as error:
    print(error.strerror)
with cuframes.subscribe("cam", connect_timeout_ms=30000) as subscriber:
    print(subscriber.next_frame(timeout_ms=30000).pts)
"""

# In a mount namespace in which the directory is read-only, as in another container.
READ_ONLY = """
mount --bind "$CUFRAMES_DIR" "$CUFRAMES_DIR" && mount -o remount,bind,ro "$CUFRAMES_DIR" && exec "$@"
"""
APART = ["unshare", "--mount", "--pid", "--ipc", "--net", "--fork", "--kill-child", "--propagation", "private"]


class RightsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cuframes-rights-")
        self.addCleanup(folder.cleanup)
        pathlib.Path(folder.name).chmod(0o755)
        self.sockets = pathlib.Path(folder.name) / "sockets"
        self.sockets.mkdir()
        os.chown(self.sockets, int(PUBLISHER), int(GROUP))
        self.sockets.chmod(0o2750)
        self.env = {**os.environ, "CUFRAMES_DIR": str(self.sockets)}

    def as_user(self, user, groups, code, **options):
        words = ["setpriv", "--reuid", user, "--regid", user, *groups, sys.executable, "-c", code]
        inside = [*APART, "sh", "-c", READ_ONLY, "apart", *words] if user == READER else [*APART, *words]
        return subprocess.Popen(inside, env=self.env, text=True, stdout=subprocess.PIPE, **options)

    def publish(self):
        publisher = self.as_user(PUBLISHER, ["--clear-groups"], PUBLISH, stdin=subprocess.PIPE)
        # It ends by itself: who changes the user is not killed with who started it.
        self.addCleanup(publisher.communicate, "")
        self.assertEqual(publisher.stdout.readline(), "published\n")

    def test_reader_needs_the_group_and_may_write_nothing(self):
        self.publish()
        reader = self.as_user(READER, ["--groups", GROUP], READ)
        said, _ = reader.communicate(timeout=120)
        self.assertEqual((reader.returncode, said.split("\n")), (0, ["Read-only file system", "7", ""]))

    def test_who_has_not_the_group_is_told_why(self):
        self.publish()
        reader = self.as_user(READER, ["--clear-groups"], READ, stderr=subprocess.PIPE)
        _, errors = reader.communicate(timeout=120)
        self.assertNotEqual(reader.returncode, 0)
        self.assertIn(f"does not admit uid {READER}", errors)


if __name__ == "__main__":
    if os.geteuid() != 0 or subprocess.run([*APART, "true"], check=False).returncode != 0:
        print("users of several numbers, in namespaces of their own, need root")
        sys.exit(77)
    unittest.main(verbosity=2)
