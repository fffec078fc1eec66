# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is right with packets: a viewer has a picture at once and then each at its time; a recording is the camera's packets
from the right keyframe on, one after the other, at their times."""

import bisect
import dataclasses
import statistics

from judge import EDGE, SLACK

# s: between two times of one moment; between what a process does and when it says so.
PRECISION, NOTICE = 0.002, 0.5
# s: for a picture without waiting for the next keyframe; and between picture and sound.
AT_ONCE, IN_SYNC = 1.5, 0.02


@dataclasses.dataclass
class Row:
    reader: object
    result: str = ""
    waited: float = 0.0  # s in which the machine let somebody wait
    problems: list = dataclasses.field(default_factory=list)

    @property
    def verdict(self):
        return "FAILS: " + "; ".join(self.problems) if self.problems else "ok"

    def problem(self, text):
        self.problems.append(text)


def rows(section, runs, sent, cameras):
    made = {}
    late = sum(one for camera in cameras for _, one in camera["late"])
    for run in runs:
        row = made.setdefault(run.reader, Row(run.reader, waited=late))
        if not run.result or run.result["ended"] != "eos":
            row.problem(run.result["ended"] if run.result else f"no end: {run.process.errors()}")
            continue
        row.waited += sum(one for _, one in run.result["late"])
        JUDGES[run.reader.how](section, run, row, sent).judge()
    return list(made.values())


class Viewing:
    def __init__(self, section, run, row, sent):
        self.section, self.run, self.row, self.result = section, run, row, run.result
        self.sent, self.frame = sent[run.reader.key], 1 / section.fps
        self.keyframes = [at for _, at, is_key, _ in self.sent if is_key]

    def judge(self):
        shown = self.result["shown"]
        if not shown:
            return self.row.problem("nothing was shown")
        wait = self.result["first"] - self.result["began"]
        self.tell(wait)
        self.judge_first(wait)
        self.judge_times([one for one in shown if one[1] is not None])

    def since_keyframe(self):
        """How far its newest keyframe lay back when this one began."""
        newest = self.result["began"] - self.section.latency
        return min((newest - at for at in self.keyframes if at <= newest), default=0.0)

    def tell(self, wait):
        before = f"{self.row.result}; " if self.row.result else "first picture after "
        self.row.result = f"{before}{wait * 1000:.0f} ms ({self.since_keyframe():.0f} s after a keyframe)"

    def judge_first(self, wait):
        if "start=live" in self.run.reader.line:
            left = self.section.gop - self.since_keyframe()
            if abs(wait - left) > NOTICE + self.row.waited:
                self.row.problem(f"the first picture came after {wait:.2f} s, the next keyframe after {left:.2f} s")
        elif wait > AT_ONCE + self.row.waited:
            self.row.problem(f"the first picture came after {wait:.2f} s")

    def judge_times(self, shown):
        """Each at its capture and the pipeline's latency. The first may stand still until the next one is due."""
        numbers = [number for _, number, _ in shown]
        pairs = list(zip(numbers[1:], numbers[2:]))
        if any(b != a + 1 for a, b in pairs) or any(b <= a for a, b in zip(numbers, numbers[1:])):
            return self.row.problem(f"pictures {numbers[:3]}… are not all of them")
        if len(shown) < self.section.fps / 2:
            return self.row.problem(f"only {len(shown)} pictures were shown")
        off = [when - captured - self.result["latency"] for when, _, captured in shown[1:]]
        worst = max(off, key=abs)
        self.row.result += f", then each within {abs(worst) * 1000:.0f} ms"
        allowed = self.row.waited + self.camera_was_late(shown[0][0], shown[-1][0])
        if min(off) < -self.frame:
            self.row.problem(f"a picture was shown {-min(off) * 1000:.0f} ms early")
        late = sum(one > self.frame + allowed for one in off)
        if late > SLACK * len(off) + EDGE:
            self.row.problem(f"{late} of {len(off)} pictures were late, up to {max(off) * 1000:.0f} ms")

    def camera_was_late(self, begin, end):
        """With its packets of that time, at the most."""
        late = [came - at - self.section.latency for _, at, _, came in self.sent if begin - 1 < came < end]
        return max(0.0, *late)


class Recording:
    def __init__(self, section, run, row, sent):
        self.section, self.run, self.row, self.result, self.reader = section, run, row, run.result, run.reader
        self.sent = sent[run.reader.key]
        self.sound = sent.get(run.reader.sound, [])
        self.places = places_of(self.sent)
        self.frame = 1 / section.fps

    def judge(self):
        if len(self.run.files) != self.reader.count:
            self.row.problem(f"{len(self.run.files)} of {self.reader.count} files")
        for one in [*self.run.files, *self.run.cut]:
            if one["error"]:
                return self.row.problem(one["error"])
        for one in self.run.files:
            self.judge_file(one)
        if self.run.cut and len(self.run.cut[0]["pictures"]) < self.section.fps:
            self.row.problem("what was written when the camera was killed cannot be played")
        if self.reader.told != bool(self.result["told"]):
            self.row.problem(f"of a past that is too short was told: {self.result['told']}")
        if self.reader.killed and not self.result["gaps"][1:]:
            self.row.problem("no DISCONT where another camera began")
        if self.reader.sound:
            self.judge_sound(self.run.files[0])

    def judge_file(self, one):
        places = found_in_order(self.places, [hash for hash, _, _ in one["packets"]])
        if not places or None in places:
            return self.row.problem(f"{places.count(None)} of {len(places)} packets are none of the camera's")
        self.judge_order(places)
        self.judge_beginning(places[0])
        self.judge_end(places[-1])
        self.judge_times(one, places)
        if one["pictures"] is not None and len(one["pictures"]) != len(places):
            self.row.problem(f"{len(one['pictures'])} of {len(places)} pictures can be decoded")
        back = self.result["began"] - self.sent[places[0]][1]
        begins = f"{back:.1f} s before its start" if back > 0.1 else "after its start"
        self.row.result = f"{len(places)} packets, the first from {begins}"

    def judge_order(self, places):
        """None is missing, but where the camera was killed: what it had not published yet then, and what its successor
        made before a keyframe."""
        gaps = [(a, b) for a, b in zip(places, places[1:]) if b != a + 1]
        if self.reader.killed and places[0] >= self.second():
            self.row.problem("nothing of the camera that was killed")
        allowed = [(a, b) for a, b in gaps if self.reader.killed and a < self.second() <= b and self.sent[b][2]]
        if gaps != allowed:
            a, b = next(gap for gap in gaps if gap not in allowed)
            self.row.problem(f"{b - a - 1} packets are missing behind the {a}th")

    def second(self):
        """The place of the first packet of the camera that came back."""
        steps = [b[1] - a[1] for a, b in zip(self.sent, self.sent[1:])]
        return steps.index(max(steps)) + 1

    def judge_beginning(self, place):
        began, at = self.result["began"], self.sent[place][1]
        if not self.sent[place][2]:
            self.row.problem("it does not begin with a keyframe")
        if not self.reader.preroll:
            if at + self.section.latency < began - NOTICE:
                self.row.problem(f"it begins {began - at:.2f} s before it was started")
            return
        if self.reader.told:
            return
        asked = began - self.reader.preroll
        later = next((one[1] for one in self.sent[place + 1 :] if one[2]), began)
        if at > asked + NOTICE or later < asked - NOTICE:
            self.row.problem(
                f"it begins {began - at:.2f} s before its start, the next keyframe is {began - later:.2f} s"
            )

    def judge_end(self, place):
        ended = self.result["began"] + self.reader.seconds
        if self.sent[place][1] < ended - self.section.latency - NOTICE - self.row.waited:
            self.row.problem(f"it ends {ended - self.sent[place][1]:.2f} s before its end")

    def judge_times(self, one, places):
        first = self.sent[places[0]][1]
        begin = one["packets"][0][1]
        worst = max(
            abs(pts - begin - (self.sent[place][1] - first)) for (_, pts, _), place in zip(one["packets"], places)
        )
        if worst > PRECISION:
            self.row.problem(f"a packet is {worst * 1000:.1f} ms off its time")
        dts = [time for _, _, time in one["packets"] if time is not None]
        if any(b <= a for a, b in zip(dts, dts[1:])):
            self.row.problem("DTS do not rise")
        length = self.sent[places[-1]][1] - first + self.frame
        if one["duration"] is None or abs(one["duration"] - length) > 2 * self.frame + bool(self.sound) * NOTICE:
            self.row.problem(f"its duration is {one['duration']}, not {length:.2f} s")

    def judge_sound(self, one):
        """The camera beeps once a second. In the file a beep is as far from a picture as it was when both were captured."""
        if len(one["beeps"]) < self.reader.preroll:
            return self.row.problem(f"{len(one['beeps'])} beeps are in it")
        begin = statistics.median(time - number * self.frame for number, time in one["pictures"])
        captured = self.sound[0][1] - self.sent[0][1]
        apart = [(beep - begin - captured + 0.5) % 1 - 0.5 for beep in one["beeps"]]
        worst = max(apart, key=abs)
        self.row.result += f"; beeps {worst * 1000:+.1f} ms from their pictures at the worst"
        if abs(worst) > IN_SYNC:
            self.row.problem(f"a beep is {worst * 1000:.0f} ms from its picture")


class Asking:
    """Frames and packets of one camera have the same times."""

    def __init__(self, section, run, row, sent):
        self.row, self.result = row, run.result
        self.keyframes = [at for _, at, is_key, _ in sent[run.reader.key] if is_key]

    def judge(self):
        frames = {int(number): at for number, at in self.result["frames"].items()}
        asked, pictures = self.result["asked"], self.result["pictures"]
        if asked not in dict(pictures):
            return self.row.problem(
                f"picture {asked}, which was asked for, is not among {pictures[:1]}…{pictures[-1:]}"
            )
        begin = frames[asked] - dict(pictures)[asked]
        first, wanted = pictures[0], max((at for at in self.keyframes if at <= frames[asked] + PRECISION), default=0.0)
        if abs(begin + first[1] - wanted) > PRECISION:
            self.row.problem(f"it begins {wanted - begin - first[1]:.3f} s before the keyframe that was asked for")
        apart = max(abs(begin + at - frames[number]) for number, at in pictures if number in frames)
        if apart > PRECISION:
            self.row.problem(f"frames and packets are up to {apart * 1000:.1f} ms apart")
        past = asked - first[0]
        self.row.result = f"from {past} pictures before the frame on, {apart * 1000:.1f} ms apart at the most"


JUDGES = {"shown": Viewing, "recorded": Recording, "asked": Asking}


def places_of(sent):
    """Where each hash is among what was sent: small changes between pictures come again."""
    places = {}
    for place, one in enumerate(sent):
        places.setdefault(one[0], []).append(place)
    return places


def found_in_order(places, hashes):
    """For each the next place behind that of the one before; None: there is none. The first is a keyframe and has one."""
    found, before = [], -1
    for hash in hashes:
        those = places.get(hash, [])
        at = bisect.bisect_right(those, before)
        found.append(those[at] if at < len(those) else None)
        before = before if found[-1] is None else found[-1]
    return found
