# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sentences at the demo's end are true: they praise what is good, and nothing else."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "demo"))

from summary import Played, Recording, Window, rate, recording_outcome, viewer_outcome  # noqa: E402

GOOD = Window(seconds=8, published=30.0, shown=29.9)
RECORDED = Recording(name="a.mp4", seconds=20.3, pictures=600)
PLAYED = Played(seconds=20.0, pictures=600, written=600, rising=True, error=None)


class ViewerTest(unittest.TestCase):
    def judge(self, before, after):
        return viewer_outcome(before, after)[1]

    def test_rate_of_the_camera(self):
        sentence, kept = viewer_outcome(GOOD, Window(8, 30.0, 30.04))
        self.assertTrue(kept)
        self.assertEqual(
            sentence, "the viewer showed 29.9 pictures/s before the kill and 30.0 after, of 30.0 and 30.0 published"
        )

    def test_slow_before_or_after_the_kill(self):
        slow = Window(8, 30.0, 2.0)
        self.assertFalse(self.judge(slow, GOOD))
        self.assertFalse(self.judge(GOOD, slow))
        self.assertFalse(self.judge(GOOD, Window(8, 30.0, 26.0)))

    def test_camera_that_is_slow_itself(self):
        """On a busy machine the camera is slower; its viewer need not be faster."""
        self.assertTrue(self.judge(GOOD, Window(8, 17.0, 16.9)))
        self.assertFalse(self.judge(GOOD, Window(8, 17.0, 8.0)))

    def test_few_pictures(self):
        """One picture more or less at the edges of a window does not decide."""
        self.assertTrue(self.judge(GOOD, Window(4, 1.0, 0.75)))

    def test_nothing_published(self):
        self.assertFalse(self.judge(GOOD, Window(8, 0.0, 0.0)))
        self.assertFalse(self.judge(Window(0.0, 0.0, 0.0), GOOD))

    def test_rate(self):
        self.assertEqual(rate((10.0, 100), (12.0, 160)), 30.0)
        self.assertEqual(rate((10.0, 100), (10.0, 100)), 0.0)


class RecordingTest(unittest.TestCase):
    def judge(self, **different):
        return recording_outcome(RECORDED, PLAYED._replace(**different))

    def test_good(self):
        self.assertEqual(self.judge(), ("a.mp4 plays: 20.0 s, 600 pictures, times rise", True))

    def test_does_not_play(self):
        self.assertEqual(self.judge(error="no moov"), ("a.mp4 does not play: no moov", False))

    def test_times_that_do_not_rise(self):
        sentence, kept = self.judge(rising=False)
        self.assertFalse(kept)
        self.assertIn("times do not rise", sentence)

    def test_pictures_that_are_missing(self):
        sentence, kept = self.judge(written=2, pictures=2)
        self.assertFalse(kept)
        self.assertIn("600 were recorded and 2 are in the file", sentence)
        self.assertFalse(self.judge(pictures=599)[1], "one that is in the file and cannot be decoded")
        self.assertFalse(recording_outcome(RECORDED._replace(pictures=0), PLAYED._replace(pictures=0, written=0))[1])

    def test_duration(self):
        sentence, kept = self.judge(seconds=2.0)
        self.assertFalse(kept)
        self.assertIn("the recording took 20.3 s", sentence)
        self.assertFalse(self.judge(seconds=57 * 365 * 86400.0)[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
