# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python examples do what their first lines say, each in a process of its own against publishers in others.

usage: test_python.py TEST…; exit code 77: all of them need what is not here.
"""

import functools
import importlib.util
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import cuframes
import numpy
from camera import RATE, SECOND, Camera, level, sound, units, video

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"
SECONDS = 60 * float(os.environ.get("CUFRAMES_TEST_TIMEOUT_SCALE", "1"))
LIVE = "videotestsrc is-live=true pattern={} ! video/x-raw,format={},width={},height={},framerate={}/1"


def needs(*modules):
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"no {', '.join(missing)} here")


def gst_is_missing():
    """Whether this build has no introspection data."""
    return subprocess.run([sys.executable, "-c", "import cuframes.gst"], capture_output=True).returncode != 0


class Process:
    """A program whose output can be waited for."""

    def __init__(self, command, folder):
        self._log = tempfile.NamedTemporaryFile(dir=folder)
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )

    def output(self):
        return pathlib.Path(self._log.name).read_text(errors="replace")

    def expect(self, pattern):
        """Waits until the output has this, and returns the match; fails if the program ends before."""
        deadline = time.monotonic() + SECONDS
        while True:
            ended = self.process.poll() is not None
            if found := re.search(pattern, self.output(), re.MULTILINE):
                return found
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"{self.process.args}: no '{pattern}' in\n{self.output()}")
            time.sleep(0.02)

    def finish(self):
        """Waits for its end, and says what it said. An exit code other than 0 is an error."""
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} does not end\n{self.output()}") from None
        if code != 0:
            raise AssertionError(f"{self.process.args} ended with {code}\n{self.output()}")
        return self.output()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._log.close()


def printed(output):
    """Its lines, without what the package says of cameras that are late on a busy machine."""
    return [line for line in output.splitlines() if not line.startswith("cuframes: ")]


class PythonExamples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="examples-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        os.environ["CUFRAMES_DIR"] = str(self.folder / "sockets")

    def start(self, *command):
        process = Process(command, self.folder)
        self.addCleanup(process.stop)
        return process

    def example(self, name, *arguments):
        return self.start(sys.executable, EXAMPLES / name, *arguments)

    def publish(self, key, pattern="ball", format="NV12", width=320, height=240, rate=60, sink=""):
        """A pipeline as a camera."""
        source = LIVE.format(pattern, format, width, height, rate)
        return self.start("gst-launch-1.0", "-e", *f"{source} ! cuframessink key={key} {sink}".split())

    def subscribe(self, key, **options):
        options.setdefault("connect_timeout_ms", int(SECONDS * 1000))
        subscriber = cuframes.subscribe(key, **options)
        self.addCleanup(subscriber.close)
        return subscriber

    @needs("torch")
    def test_read(self):
        """Prints a tensor for each frame, with the pixels of the camera, and ends with the stream."""
        reader = self.example("read.py", "cam")
        camera = self.publish("cam", pattern="white")
        found = reader.expect(r"frame \d+: \(240, 320\) on cpu, mean ([\d.]+)$")
        self.assertAlmostEqual(float(found[1]), 235, delta=1)
        camera.process.send_signal(signal.SIGINT)
        reader.finish()

    def test_motion(self):
        """Says when something moves, and when it is quiet again, over cameras that come and go; and nothing else."""
        watcher = self.example("motion.py", "cam")
        for pattern, said in (("white", None), ("snow", "something moves"), ("white", "quiet")):
            camera = self.publish("cam", pattern=pattern)
            before = watcher.output()
            if said:
                watcher.expect(re.escape(before) + rf"(?:.*\n)*cam: {said} [(]\d+% of the picture[)]$")
            else:
                with self.subscribe("cam") as other:
                    for _ in range(60):
                        other.next_frame(int(SECONDS * 1000))
                self.assertEqual(watcher.output(), "")
            camera.stop()

    @needs("torch")
    def test_batch(self):
        """Cameras of other sizes and formats, SD and HD, become one tensor, each with its own colour in RGB, with and
        without a word on colours in their caps."""
        cameras = {
            "red": ("NV12", 320, 240, (1, 0, 0)),
            "green": ("NV12", 1280, 720, (0, 1, 0)),
            "blue": ("I420,colorimetry=bt709", 322, 180, (0, 0, 1)),
            "white": ("RGBA", 66, 47, (1, 1, 1)),
        }
        for key, (format, width, height, _) in cameras.items():
            self.publish(key, pattern=key, format=format, width=width, height=height, rate=30)
        output = self.example("batch.py", *cameras, "--height", 96, "--width", 160, "--count", 15).finish()
        lines = printed(output)
        self.assertEqual(len(lines), 15)
        # A camera that the machine holds up for half a second is black.
        whole = [line for line in lines if "(0.00 0.00 0.00)" not in line]
        self.assertGreaterEqual(len(whole), 3, output)
        for line in whole:
            self.assertTrue(line.startswith("[4, 3, 96, 160] on cpu"), line)
            colours = [tuple(map(float, found.split())) for found in re.findall(r"\(([\d. ]+)\)", line)]
            for colour, (*_, expected) in zip(colours, cameras.values(), strict=True):
                self.assertLess(max(abs(a - b) for a, b in zip(colour, expected)), 0.03, line)

    @needs("torch")
    def test_graph(self):
        """Each batch has the classes that the network gives to the cameras' pictures, here without a GPU."""
        spec = importlib.util.spec_from_file_location("graph", EXAMPLES / "graph.py")
        graph = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(graph)
        expected = []
        for key in ("red", "green", "checkers-4"):
            self.publish(key, pattern=key, rate=30)
            with self.subscribe(key).next_frame(int(SECONDS * 1000)) as frame:
                picture = frame.to_tensor(64, letterbox=True)
            expected.append(graph.network()(picture[None]).argmax().item())
        self.assertEqual(len(set(expected)), 3)
        output = self.example("graph.py", "red", "green", "checkers-4", "--size", 64, "--count", 15).finish()
        wanted = "; " + ", ".join(f"{key}: {number}" for key, number in zip(("red", "green", "checkers-4"), expected))
        lines = printed(output)
        self.assertEqual(len(lines), 15)
        whole = [line for line in lines if "no frame" not in line]
        self.assertGreater(len(whole), 0)
        for line in whole:
            self.assertTrue(line.startswith("cpu, ") and line.endswith(wanted), f"{line}, not {wanted}")

    def test_reconnect(self):
        """One reader waits for a publisher, learns of its death, goes on with the next, and ends with the stream."""
        reader = self.example("reconnect.py", "cam")
        reader.expect("nothing for 1000 ms; state waiting")
        first = self.publish("cam")
        first_epoch = reader.expect(r"frames from epoch (\w+)")[1]
        first.process.kill()
        reader.expect("the publisher is gone; waiting for the next one")
        second = self.publish("cam")
        reader.expect(rf"frames from epoch (?!{first_epoch}\b)\w+, the first is \d+")
        second.process.send_signal(signal.SIGINT)
        self.assertRegex(reader.finish(), r"the stream ended: frames_received \d+, skipped \d+, reconnects 1$")

    def test_two_cameras(self):
        """Frames of both cameras come in one loop, and both ends are noticed."""
        reader = self.example("two_cameras.py", "gate", "yard")
        cameras = [self.publish(key, width=width) for key, width in (("gate", 320), ("yard", 160))]
        reader.expect("^gate: frame [0-9]+, NV12 320x240$")
        reader.expect("^yard: frame [0-9]+, NV12 160x240$")
        for camera in cameras:
            camera.process.send_signal(signal.SIGINT)
        output = reader.finish()
        for key in ("gate", "yard"):
            count = int(re.search(rf"^{key} ended after (\d+) frames$", output, re.MULTILINE)[1])
            self.assertEqual(count, len(re.findall(rf"^{key}: frame ", output, re.MULTILINE)))

    def test_publish(self):
        """Readers see the bar where the number of the frame puts it, and no picture was copied."""
        program = self.example("publish.py", "drawn", "--count", 60, "--rate", 100)
        seen = 0
        for frame in self.subscribe("drawn", mode=cuframes.SubscriberMode.STRICT_ORDER):
            with frame:
                picture = numpy.asarray(frame.planes[0])
                left = 4 * (frame.seq - 1) % 640
                expected = numpy.full((360, 640, 3), 96, "u1")
                expected[:, left : left + 16] = (255, 0, 0)
                self.assertTrue((picture == expected).all(), frame)
                seen += 1
        self.assertGreater(seen, 0)
        self.assertIn("published 60, 0 of them copied", program.finish())

    @needs("torch", "gi")
    def test_mirror_pipeline(self):
        """The pipeline's pictures arrive at other processes the other way round, pixel by pixel."""
        if gst_is_missing():
            self.skipTest("cuframes.gst cannot be used here")
        camera = self.publish("cam", pattern="smpte100")
        mirror = self.example("mirror_pipeline.py", "cam", "mirrored")
        with self.subscribe("cam") as original, self.subscribe("mirrored") as mirrored:
            frame, other = original.next_frame(int(SECONDS * 1000)), mirrored.next_frame(int(SECONDS * 1000))
            for plane, reversed_plane in zip(frame.planes, other.planes, strict=True):
                self.assertTrue((numpy.asarray(plane) == numpy.asarray(reversed_plane)[:, ::-1]).all())
            self.assertFalse((numpy.asarray(frame.planes[0]) == numpy.asarray(other.planes[0])).all())
        camera.process.send_signal(signal.SIGINT)
        mirror.finish()

    @needs("av")
    def test_record_and_play(self):
        """What was received is in the file, every frame of it, and what is decoded from the file is published."""
        film = self.folder / "film.mkv"
        levels = list(range(40, 220, 6))
        patient = {"policy": "wait", "wait_timeout_ms": 10000}
        with cuframes.publish("cam", format="NV12", width=320, height=240, **patient) as publisher:
            recorder = self.example("record_with_pyav.py", "cam", film)
            publisher.wait_subscribers(timeout_ms=int(SECONDS * 1000))
            start = time.monotonic_ns()
            for number, level in enumerate(levels):
                with publisher.acquire() as slot:
                    numpy.asarray(slot.planes[0])[...] = level
                    numpy.asarray(slot.planes[1])[...] = 128
                    slot.pts = start + number * 40_000_000
            publisher.eos()
            self.assertIn(f"{len(levels)} frames with libx264, 0 missed", recorder.finish())

        player = self.example("play_with_pyav.py", film, "film", "--fast")
        played = []
        for frame in self.subscribe("film", mode=cuframes.SubscriberMode.STRICT_ORDER):
            with frame:
                self.assertEqual((frame.format, frame.width, frame.height), ("I420", 320, 240))
                played.append(float(numpy.asarray(frame.planes[0]).mean()))
        self.assertEqual(len(played), len(levels))
        self.assertLess(max(abs(a - b) for a, b in zip(played, levels)), 4)
        self.assertIn(f"published {len(levels)}", player.finish())

    def film(self, start_recorder, rate, file):
        """Times in the file, in seconds, of a camera of this rate, and the speed and the duration that a player takes it to
        have."""
        import av

        count = 2 * rate
        with cuframes.publish(
            "cam-gate", format="NV12", width=320, height=240, policy="wait", wait_timeout_ms=10000, framerate=rate
        ) as publisher:
            recorder = start_recorder()
            publisher.wait_subscribers(timeout_ms=int(SECONDS * 1000))
            start = time.monotonic_ns()
            for number in range(count):
                with publisher.acquire() as slot:
                    slot.pts = start + number * 1_000_000_000 // rate
            publisher.eos()
            recorder.finish()
        with av.open(str(file)) as source:
            stream = source.streams.video[0]
            times = [float(frame.pts * stream.time_base) for frame in source.decode(video=0)]
            return times, float(stream.average_rate), source.duration / av.time_base

    def check_film(self, times, speed, duration, rate):
        self.assertEqual(len(times), 2 * rate)
        for number, seconds in enumerate(times):
            self.assertAlmostEqual(seconds - times[0], number / rate, delta=0.0011)  # mkv counts milliseconds
        self.assertAlmostEqual(speed, rate, delta=rate / 50)
        self.assertAlmostEqual(duration, 2, delta=1.1 / rate)
        self.assertTrue(all(before < after for before, after in zip(times, times[1:])), "times rise")

    @needs("av")
    def test_recorded_times(self):
        """A recording has the camera's times and speed, whatever its rate, as Matroska and as MP4."""
        for rate in (15, 30, 60, 120):
            for container in ("mkv", "mp4"):
                with self.subTest(rate=rate, container=container):
                    file = self.folder / f"{rate}.{container}"
                    recorder = functools.partial(self.example, "record_with_pyav.py", "cam-gate", file)
                    film = self.film(recorder, rate, file)
                    self.check_film(*film, rate)

    @needs("av")
    def test_times_of_the_snippet(self):
        """So has one that the first program of the documentation's page about PyAV makes."""
        page = (EXAMPLES.parents[1] / "docs" / "howto" / "pyav.md").read_text()
        program = re.search(r"```python[^\n]*\n(.*?)```", page, re.DOTALL)[1]
        for rate in (15, 30, 60):
            for container in ("mkv", "mp4"):
                with self.subTest(rate=rate, container=container):
                    file = self.folder / f"{rate}.{container}"
                    changed = program.replace("gate.mkv", str(file))
                    self.assertNotEqual(changed, program)
                    recorder = functools.partial(self.start, sys.executable, "-c", changed)
                    film = self.film(recorder, rate, file)
                    self.check_film(*film, rate)

    def camera(self, key, made, step, past, **options):
        """Packets of a camera in this process, the first `past` of them from before now."""
        one = Camera(key, *made, step, past, **options)
        self.addCleanup(one.close)
        return one

    @needs("av")
    def test_watch_packets(self):
        """The first picture is that of the last keyframe, and is there at once; all that follow are of now, and of what
        lies between none is shown."""
        source = self.camera("cam", video(1500, 1000), SECOND // RATE, 200)
        output = self.example("watch_packets.py", "cam", "--count", 20).finish()
        found = re.findall(r"^picture of (-?\d+) ms ago, 160x96(?:, (\d+) ms after the start)?$", output, re.MULTILINE)
        self.assertEqual(len(found), 20, output)
        ages = [int(age) for age, _ in found]
        self.assertGreaterEqual(ages[0], 200 * 40)
        self.assertLess(int(found[0][1]), 2000)
        self.assertLess(max(ages[1:]), 4000, output)
        received = int(re.search(r"^20 shown of (\d+) packets, 0 missed$", output, re.MULTILINE)[1])
        self.assertGreaterEqual(received, 200 + 19)
        self.assertEqual(source.publisher.stats()["subscribers"], 0)

    @needs("av")
    def test_record_before(self):
        """The file begins at a keyframe from before the time asked for, has every packet of picture and sound from there
        on, at the times of their capture, and decodes."""
        import av

        step = SECOND // RATE
        picture = self.camera("cam.h264", video(1500, 50), step, 300)
        voice = self.camera("cam.opus", sound(60), SECOND // 50, 600, start=picture.start + 7_000_000)
        for container, precision in (("mp4", 0.001), ("mkv", 0.0011)):
            with self.subTest(container=container):
                file = self.folder / f"event.{container}"
                begin = time.monotonic_ns()
                command = ("record_before.py", file, "cam.h264", "cam.opus", "--preroll", 5, "--seconds", 2)
                output = self.example(*command).finish()
                self.assertEqual(len(re.findall(r"^cam\.\w+: \d+ packets, 0 missed$", output, re.MULTILINE)), 2, output)
                with av.open(str(file)) as source:
                    found = {"video": [], "audio": []}
                    for packet in source.demux():
                        if packet.size:
                            found[packet.stream.type].append((float(packet.pts * packet.time_base), bytes(packet)))
                self.check_recording(found, picture, voice, begin, precision)
                with av.open(str(file)) as source:
                    self.assertEqual(len(list(source.decode(video=0))), len(found["video"]))

    def check_recording(self, found, picture, voice, begin, precision):
        """Whether these are packets of both, one after the other, at the times that they were captured."""
        first = picture.number_of(found["video"][0][1])
        self.assertTrue(picture.is_keyframe(first))
        late = (picture.time_of(first) - (begin - 5 * SECOND)) / SECOND
        self.assertTrue(-2.1 <= late <= 1, f"{late} s after it, which counts from when the program was at it")
        origin = picture.time_of(first) - round(found["video"][0][0] * SECOND)
        starts = (first, voice.number_at(origin + round(found["audio"][0][0] * SECOND)))
        for source, start, packets in zip((picture, voice), starts, found.values(), strict=True):
            self.assertGreater(len(packets), 6 * SECOND // source.step)
            for number, (seconds, body) in enumerate(packets, start):
                self.assertEqual(units(body), units(source.bytes_of(number)))
                captured = (source.time_of(number) - origin) / SECOND
                self.assertAlmostEqual(seconds, captured, delta=precision)
        self.assertLess(abs(found["audio"][0][0] - found["video"][0][0]), 0.04)

    @needs("av")
    def test_decode_on_demand(self):
        """Nothing is read or decoded until somebody wants frames; the first is that of the newest keyframe, those that
        follow are of now; and when nobody is left it ends, until the next one comes."""
        gop = 100
        source = self.camera("cam.h264", video(3000, gop), SECOND // RATE, 3 * gop + 60)
        program = self.example("decode_on_demand.py", "cam.h264", "cam", "--linger", "0.5")
        for round_number in (1, 2):
            program.expect(rf"(?:nobody reads: nothing is decoded[^$]*){{{round_number}}}")
            self.until(lambda: source.publisher.stats()["subscribers"] == 0)
            with self.subscribe("cam", mode=cuframes.SubscriberMode.STRICT_ORDER) as reader:
                first = reader.next_frame(int(SECONDS * 1000))
                number = source.number_at(first.pts)
                self.assertEqual((number % gop, first.pts), (0, source.time_of(number)))
                self.assertLess(source.number_at(time.monotonic_ns()) - number, 2 * gop)
                self.check_level(first, number)
                last = number
                for count in range(20):
                    with reader.next_frame(int(SECONDS * 1000)) as frame:
                        number = source.number_at(frame.pts)
                        self.assertGreater(number, last)
                        self.assertTrue(number == last + 1 or count == 0, "but for the past, all pictures come")
                        self.check_level(frame, number)
                        last = number
                first.release()
        found = re.search(r"after ([\d.]+) s in which this took ([\d.]+) ms of a CPU", program.output())
        self.assertLess(float(found[2]), 100 + 20 * float(found[1]))

    def check_level(self, frame, number):
        luma = numpy.asarray(frame.planes[0])
        self.assertLess(abs(float(luma.mean()) - level(number)), 2, (number, frame))

    def until(self, condition):
        deadline = time.monotonic() + SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_all_examples_are_tested(self):
        """No example is left out: each is started by name in one of these tests."""
        text = pathlib.Path(__file__).read_text()
        self.assertEqual([path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in text], [])


def main():
    names = [f"PythonExamples.{name}" for name in sys.argv[1:]]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names or ["PythonExamples"], sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if not result.wasSuccessful():
        return 1
    return 77 if len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
