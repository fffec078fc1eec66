# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is right: a reader shows or records every picture that its camera sent, once and in order, at the
right time. What a busy machine did not let run is allowed for, by how long it did not; nothing else is."""

import dataclasses
import json
import statistics

# Of all pictures, and in number: a window begins and ends between two.
SLACK, EDGE = 0.05, 2
# How late after its capture's known delay a picture may leave the source; s.
AGE = 0.25


@dataclasses.dataclass
class Row:
    reader: object
    got: int = 0
    of: int = 0
    copied: int = None
    waited: float = 0  # pictures of the time in which the machine let somebody wait
    peer: str = ""
    problems: list = dataclasses.field(default_factory=list)

    @property
    def verdict(self):
        return "FAILS: " + "; ".join(self.problems) if self.problems else "ok"


class Log:
    """What was noted of pictures at one place: (when, number, PTS, running time) each."""

    def __init__(self, entries):
        self.entries = entries

    def within(self, window):
        return Log([one for one in self.entries if window[0] <= one[0] < window[1]])

    def numbers(self):
        return [one[1] for one in self.entries]

    def times(self):
        """PTS by number."""
        return {one[1]: one[2] for one in self.entries}

    def ages(self):
        return [one[3] - one[2] for one in self.entries if one[2] is not None and one[3] is not None]

    def rising(self):
        """Without those whose time is not later than that of one before: so rtspsrc hands on what waited
        while a camera stood still."""
        kept, latest = [], -1.0
        for one in self.entries:
            if one[2] is not None and one[2] > latest:
                kept.append(one)
                latest = one[2]
        return Log(kept)

    def __len__(self):
        return len(self.entries)


def files_of(names, output):
    files = (
        json.loads(output)["files"]
        if output
        else [{"pictures": [], "stored": 0, "duration": None, "error": "cannot be played"}] * len(names)
    )
    return [dict(one, name=name) for name, one in zip(names, files)]


def rows(section, runs, ours, theirs, windows, stalled):
    made = {}
    for run in runs:
        camera = (theirs if run.is_peer else ours)[0]
        row = judge_joins(run) if run.reader.how == "joins" else Judge(section, run, camera, windows, stalled).row()
        if not run.is_peer:
            made[run.reader] = row
        else:
            mine = made[run.reader]
            mine.peer = f"{row.got} of {row.of}" if row.got else "crashes" if run.crashed() else "fails"
            # With mode=newest a reader passes over what is late after a stall, as its users want; that one does not.
            compared = not (section.stalls and run.reader.what == "recorded")
            if (
                compared
                and not row.problems
                and mine.got < min(1, row.got / max(1, row.of)) * mine.of * (1 - SLACK) - EDGE - mine.waited
            ):
                mine.problems.append(f"unixfdsrc does better: {mine.peer}")
            mine.peer_problems = row.problems
    return list(made.values())


class Judge:
    def __init__(self, section, run, camera, windows, stalled):
        self.section, self.run, self.reader, self.windows, self.stalled = (
            section,
            run,
            run.reader,
            windows,
            stalled,
        )
        self.camera, self.sent = camera, Log(camera["sent"])
        self.due = self.sent.rising()
        self.frame = 1 / section.fps
        result = run.result or {"left": [], "shown": [], "late": [], "stats": []}
        self.left = Log(result["left"][0] if result["left"] else [])
        self.left.entries = next((log for log in result["left"][:1]), [])
        self.shown, self.late = Log(result["shown"]), result["late"] + camera["late"]
        self.made = Row(self.reader)
        self.allowance(0, windows[-1])

    def row(self):
        if self.has_ended_well():
            if self.reader.what == "recorded":
                self.judge_recording()
            else:
                self.judge_shown()
            if self.left.entries:
                self.judge_left()
        return self.made

    def problem(self, text):
        self.made.problems.append(text)

    def has_ended_well(self):
        if self.reader.how == "launch":
            if self.run.exit_code != 0:
                self.problem(f"exit code {self.run.exit_code}: {self.run.process.errors()}")
            return self.run.exit_code == 0
        if not self.run.result:
            code = self.run.process.exit_code(0)
            self.problem(f"no end after {'EOS' if code is None else f'exit code {code}'}: {self.run.process.errors()}")
        elif self.run.result["ended"] != "eos":
            self.problem(str(self.run.result["ended"]))
        if self.run.result and self.run.result.get("stats"):
            self.made.copied = sum(stats["copied"] for stats in self.run.result["stats"])
        return bool(self.run.result)

    def allowance(self, pictures, window, slack=SLACK):
        """Pictures that may be missing: some, and those of the time in which the machine let somebody
        wait."""
        waited = sum(max(0, min(when, window[1]) - max(when - late, window[0])) for when, late in self.late)
        self.made.waited = max(self.made.waited, waited * self.section.fps)
        if self.section.exact and slack == SLACK:
            return window[1] - window[0] + waited * self.section.fps
        return slack * pictures + EDGE + waited * self.section.fps

    # ---------------------------------------------------------------------------------------- what was shown

    def judge_shown(self):
        log = self.left if self.reader.pull and not self.reader.rate else self.shown
        for window in self.windows:
            seconds = window[1] - window[0]
            got = len(log.within(window))
            most = of = self.reader.rate * seconds
            if not of:
                of = min(len(self.due.within(window)), self.section.fps * seconds)
                most = len(self.sent.within(window))
            allowed = self.allowance(of, window, 0.15 if self.reader.pull else SLACK)
            if not of - allowed <= got <= most + allowed:
                self.problem(f"{got / seconds:.1f} of {of / seconds:.1f} pictures/s{self.when(window)}")
            self.made.got = got
            self.made.of = round(of if self.reader.rate else len(self.due.within(window)))
        if self.reader.repeats:
            # At its ends a mixer has pictures of its own.
            self.judge_order(self.shown.within(self.windows[-1]).numbers())
            self.judge_different()
        else:
            self.judge_order(self.shown.numbers())

    def when(self, window):
        return (
            ""
            if len(self.windows) == 1
            else " before it stood still"
            if window is self.windows[0]
            else " after it stood still"
        )

    def judge_order(self, numbers):
        if None in numbers:
            return self.problem("pictures without a number")
        pairs = list(zip(numbers, numbers[1:]))
        if any(b < a for a, b in pairs):
            back = next((a, b) for a, b in pairs if b < a)
            self.problem(f"{sum(b < a for a, b in pairs)} pictures out of order, first {back[1]} after {back[0]}")
        if not self.reader.repeats and any(a == b for a, b in pairs):
            self.problem(f"{sum(a == b for a, b in pairs)} pictures shown twice")

    def judge_different(self):
        """Where two rates meet a picture may be shown twice and another not, but no more than that."""
        window = self.windows[-1]
        different = len(set(self.shown.within(window).numbers()))
        expected = min(self.made.of, len(self.due.within(window)))
        if different < expected - self.allowance(expected, window, 0.5):
            self.problem(f"only {different} different pictures of {expected}")

    # ---------------------------------------------------------------------------------- what left the source

    def judge_left(self):
        entries, numbers = self.left.entries, self.left.numbers()
        times = [one[2] for one in entries]
        if None in times:
            return self.problem(f"{times.count(None)} pictures without PTS")
        if backward := sum(b <= a for a, b in zip(times, times[1:])):
            self.problem(f"PTS do not rise, {backward} times")
        if any(b <= a for a, b in zip(numbers, numbers[1:])):
            self.problem("pictures left the source twice or out of order")
        self.judge_ages()
        self.judge_accounts()
        if self.reader.what == "recorded" or self.reader.pull:
            self.judge_rate_left()

    def judge_ages(self):
        for window in self.windows:
            ages = self.left.within(window).ages()
            if not ages:
                continue
            middle = statistics.median(ages)
            allowed = self.section.late + AGE + self.allowance(0, window, 0) / self.section.fps
            if not -0.005 <= middle <= allowed:
                self.problem(f"pictures leave the source {middle:.2f} s after their time{self.when(window)}")

    def judge_accounts(self):
        """Every picture that did not come is counted."""
        if self.run.is_peer or not self.run.result["stats"] or len(self.run.result["stats"]) > 1:
            return
        if self.reader.how == "plays":
            return  # what the player did not take is counted in the player
        stats, numbers = self.run.result["stats"][0], self.left.numbers()
        missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        early = stats.get("early", 0)
        counted = stats["skipped"] + stats["lost"] + early
        if missing > counted:
            self.problem(f"{missing} pictures did not come, {counted} are counted")
        if self.reader.complete and missing > early:
            self.problem(f"{missing - early} pictures lost")

    def judge_rate_left(self):
        for window in self.windows if not self.section.eos else self.windows[:1]:
            if self.reader.rate:
                continue
            got, of = len(self.left.within(window)), len(self.due.within(window))
            if got < of - self.allowance(of, window):
                self.problem(f"{got} of {of} pictures taken{self.when(window)}")

    # ------------------------------------------------------------------------------------- what was recorded

    def judge_recording(self):
        files = self.run.files
        recorded = [number for one in files for number, _ in one["pictures"]]
        for one in files:
            self.judge_file(one)
        if not recorded:
            return self.problem("nothing recorded")
        if None in recorded:
            return self.problem("pictures without a number")
        self.judge_order(recorded)
        sent = set(self.sent.numbers())
        # The first may be from before this pipeline began, when there is no time for what came between.
        wanted = {number for number in sent if recorded[:2][-1] <= number <= recorded[-1]} | {recorded[0]}
        self.made.got, self.made.of = len(set(recorded)), len(wanted)
        left_out = set(self.left.numbers()) - set(recorded) - clipped(self.left.numbers(), files)
        if len(left_out) > (EDGE if self.reader.repeats else 0):
            self.problem(f"{len(left_out)} pictures are not in the file, first {self.place_of(min(left_out))}")
        whole = (self.sent.entries[0][0], self.sent.entries[-1][0])
        if not self.stalled and len(recorded) < len(wanted) - self.allowance(len(wanted), whole):
            self.problem(f"{len(recorded)} of {len(wanted)} pictures recorded")
        if self.section.eos and recorded[-1] != self.sent.numbers()[-1]:
            self.problem(f"the last picture recorded is {recorded[-1]}, the last sent {self.sent.numbers()[-1]}")

    def place_of(self, number):
        """A picture and those beside it, as they left the source."""
        times, at = list(self.left.times().items()), self.left.numbers().index(number)
        return ", ".join(f"{n} at {time:.4f} s" for n, time in times[max(0, at - 1) : at + 2])

    def judge_file(self, one):
        if one["error"]:
            self.problem(f"{one['name']}: {one['error']}")
        if not one["pictures"]:
            return
        numbers, times = zip(*one["pictures"])
        if None in times or any(b <= a for a, b in zip(times, times[1:])):
            return self.problem(f"{one['name']}: PTS do not rise")
        self.judge_times(one)
        length = times[-1] - times[0] + self.frame
        if not one["name"].endswith(".ts"):
            if one["duration"] is None or abs(one["duration"] - length) > 1.5 * self.frame + (
                0.3 if self.reader.sound else 0
            ):
                self.problem(f"{one['name']}: its duration is {one['duration']} s, not {length:.3f}")
        if self.reader.sound:
            if not one["sound"]:
                return self.problem(f"{one['name']}: no sound")
            if abs(one["sound"][0] - times[0]) > 0.3 or abs(one["sound"][1] - times[-1]) > 0.3:
                self.problem(
                    f"{one['name']}: sound from {one['sound'][0]:.2f} to {one['sound'][1]:.2f} s, "
                    f"pictures from {times[0]:.2f} to {times[-1]:.2f}"
                )

    def judge_times(self, one):
        """Each picture is where it was when it left the source. Where nobody looked there, at its capture's
        time: but for the very first, which may have been captured before this pipeline began."""
        numbers, times = zip(*one["pictures"])
        known, last = self.left.times(), numbers[-1]
        pictures = one["pictures"] if known else one["pictures"][1:]
        for number, time in pictures:
            expected = (
                known[number] - known[last] if number in known and last in known else (number - last) * self.frame
            )
            if abs(time - times[-1] - expected) > self.frame * (2 if self.reader.repeats else 1):
                return self.problem(
                    f"{one['name']}: picture {number} is {times[-1] - time:.3f} s before the last, not {-expected:.3f}"
                )


def clipped(numbers, files):
    """The last pictures of an mp4 are in it but not shown when others are missing shortly before: mp4mux's
    edit list, made from an encoder's reordered times, is too short then, whatever the source is."""
    last = files[-1]
    hidden = last["stored"] - len(last["pictures"]) if last["name"].endswith((".mp4", ".mov")) else 0
    return set(numbers[-min(hidden, 3) :]) if hidden > 0 else set()


def judge_joins(run):
    """Twenty recordings: `got` is how many are right."""
    row = Row(run.reader)
    if not run.result:
        row.problems.append(f"no end: {run.process.errors()}")
        return row
    files = {one["name"]: one for one in run.files}
    row.of = len(run.result["joins"])
    row.copied = sum(join["stats"].get("copied", 0) for join in run.result["joins"])
    for join in run.result["joins"]:
        problem = problem_of_join(join, files.get(join["file"]))
        if problem:
            row.problems.append(f"{join['file']} (joined after {join['after']:.3f} s): {problem}")
        else:
            row.got += 1
    return row


def problem_of_join(join, file):
    if join["ended"] != "eos":
        return join["ended"] or "no end"
    if file is None or file["error"] or not file["pictures"]:
        return "it cannot be played"
    numbers, times = zip(*file["pictures"])
    left = dict(join["left"])
    wanted = [number for number, _ in join["left"]]
    if set(wanted) - set(numbers) - clipped(wanted, [file]):
        left_out = [f"{n} at {time:.4f} s" for n, time in join["left"] if n not in numbers]
        ends = ", ".join(f"{n} at {time:.4f} s" for n, time in join["left"][:2] + join["left"][-8:])
        return f"{len(numbers)} of {len(wanted)} pictures recorded, without {', '.join(left_out[:3])}, of {ends}"
    if any(b <= a for a, b in zip(times, times[1:])):
        return "PTS do not rise"
    frame = 1 / 30
    span = left[numbers[-1]] - left[numbers[0]]
    # The muxer gives the last picture as long as one before it, and counts what an encoder's reordering took at the
    # beginning: where a reader in newest mode has skipped some there, the file says it is that much longer or shorter.
    every = [time for _, time in join["left"]]
    steps = [b - a for a, b in zip(every, every[1:])]
    slack = max([frame, *steps[:5], *steps[-5:]])
    if abs(times[-1] - times[0] - span) > frame or abs(file["duration"] - span - frame) > slack:
        return f"{file['duration']:.3f} s long, not {span + frame:.3f}"
    return None
