# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packets between Python and the elements: what cuframessink had is what a subscriber gets, and what Python publishes is
muxed and decoded behind cuframessrc."""

import itertools
import time

import cuframes
import films
import pytest
from pipelines import Pipeline
from processes import SECONDS

LONG = int(SECONDS * 1000)
SECOND = 1_000_000_000


@pytest.fixture
def gst(need):
    need("gi")
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst

    Gst.init(None)
    return Gst


@pytest.fixture
def av(need):
    need("numpy")
    return need("av")


@pytest.fixture
def launch(gst, cleanup):
    """Starts a pipeline in this process."""

    class Running:
        def __init__(self, description):
            self.pipeline = gst.parse_launch(description)
            cleanup.append(self)

        def __getitem__(self, name):
            return self.pipeline.get_by_name(name)

        def play(self):
            self.pipeline.set_state(gst.State.PLAYING)

        def await_end(self):
            kinds = gst.MessageType.EOS | gst.MessageType.ERROR
            message = self.pipeline.get_bus().timed_pop_filtered(int(SECONDS * SECOND), kinds)
            assert message is not None, "it does not end"
            assert message.type == gst.MessageType.EOS, message.parse_error()

        def close(self):
            self.pipeline.set_state(gst.State.NULL)

    return Running


def watch(gst, pad):
    """What passes a pad: (bytes, running times of presentation and decoding, duration, is a keyframe, flags, caps)."""
    seen = []

    def time_of(value):
        return None if value == gst.CLOCK_TIME_NONE else value

    def note(pad, info):
        buffer = info.get_buffer()
        segment = pad.get_sticky_event(gst.EventType.SEGMENT, 0).parse_segment()

        def running(stamp):
            if stamp == gst.CLOCK_TIME_NONE:
                return None
            sign, time = segment.to_running_time_full(gst.Format.TIME, stamp)
            return sign * time

        flags = buffer.get_flags()
        seen.append(
            (
                buffer.extract_dup(0, buffer.get_size()),
                running(buffer.pts),
                running(buffer.dts),
                time_of(buffer.duration),
                not flags & gst.BufferFlags.DELTA_UNIT,
                bool(flags & gst.BufferFlags.HEADER),
                pad.get_current_caps(),
            )
        )
        return gst.PadProbeReturn.OK

    pad.add_probe(gst.PadProbeType.BUFFER, note)
    return seen


PICTURES = "videotestsrc num-buffers=20 pattern=ball ! video/x-raw,width=160,height=96,framerate=25/1"
STREAMS = {
    "H.264": (
        f"{PICTURES} ! x264enc key-int-max=8 bframes=2 b-adapt=false ! h264parse ! video/x-h264,stream-format=avc",
        "avc",
    ),
    "H.265": (
        f"{PICTURES} ! x265enc key-int-max=8 speed-preset=ultrafast option-string=bframes=2:log-level=none ! h265parse "
        "! video/x-h265,stream-format=hvc1",
        "hvc1",
    ),
    "Opus": ("audiotestsrc num-buffers=40 samplesperbuffer=960 ! audio/x-raw,rate=48000 ! opusenc", None),
    "KLV": (
        "fakesrc num-buffers=20 sizetype=random sizemin=16 sizemax=90 filltype=random format=time datarate=5000 ! "
        "meta/x-klv,parsed=true",
        None,
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_subscriber_has_what_the_sink_had(gst, launch, key, name):
    """Bytes, times, flags, caps and codec data; its times are those of capture, on the clock of `time.monotonic_ns()`."""
    description, form = STREAMS[name]
    sender = launch(f"{description} ! cuframessink name=sink key={key} content=packets")
    sent = watch(gst, sender["sink"].get_static_pad("sink"))
    sender.play()
    sender.await_end()
    with cuframes.subscribe_packets(key, preroll=3600, connect_timeout_ms=LONG) as reader:
        packets = list(reader)
    base = sender.pipeline.get_base_time()

    def since(time):
        return None if time is None else time - base

    assert len(sent) >= 20
    assert [bytes(packet) for packet in packets] == [one[0] for one in sent]
    assert [(since(packet.pts), since(packet.dts), packet.duration) for packet in packets] == [one[1:4] for one in sent]
    header = int(gst.BufferFlags.HEADER)
    assert [(packet.is_keyframe, bool(packet.flags & header)) for packet in packets] == [one[4:6] for one in sent]
    for packet, one in zip(packets, sent):
        assert gst.Caps.from_string(packet.caps).is_equal(one[6])
    if form:
        assert f"stream-format=(string){form}" in packets[0].caps and "codec_data=(buffer)" in packets[0].caps
        assert any(a.pts > b.pts for a, b in itertools.pairwise(packets)), "there are B-frames"
        assert 2 <= sum(packet.is_keyframe for packet in packets) < len(packets)


def test_a_reader_of_the_same_process_decodes_in_order(launch, key):
    """It is shown the first packet while the pipeline prerolls, when that has no time yet but now."""
    sender = launch(f"{STREAMS['H.264'][0]} ! cuframessink key={key} sync=false policy=wait wait-for-subscribers=1")
    begin = time.monotonic_ns()
    sender.play()
    with cuframes.subscribe_packets(key, mode=cuframes.SubscriberMode.STRICT_ORDER, connect_timeout_ms=LONG) as reader:
        packets = list(reader)
    sender.await_end()
    assert len(packets) == 20 and packets[0].pts >= begin
    assert packets[0].pts - packets[0].dts == 2 * SECOND // 25
    assert all(a.dts < b.dts for a, b in itertools.pairwise(packets))


def read_line(key):
    return f"cuframessrc key={key} start=preroll preroll=3600000 join=record"


def publish_film(av, key, cleanup, container):
    """Sends a film with B-frames at once; its packets."""
    film = films.video(av, "libx264", container, count=30, gop=10, options={"bf": "2"})
    publisher = cuframes.publish_packets(key, max_time=3600)
    cleanup.append(publisher)
    sent = films.packets_of(av, film)
    film.seek(0)
    with av.open(film) as source:
        for packet in source.demux(video=0):
            publisher.send(packet)
    return publisher, sent


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_a_file_made_of_what_python_sent(av, key, cleanup, tmp_path, container):
    """A demuxer's packets, through a log, a source, a parser and a muxer, are the same packets."""
    publisher, sent = publish_film(av, key, cleanup, container)
    publisher.eos()
    path = tmp_path / "copy.mp4"
    line = f"{read_line(key)} ! h264parse ! mp4mux ! filesink location={path}"
    recorder = Pipeline(line)
    cleanup.append(recorder)
    publisher.wait_subscribers(1, LONG)
    publisher.close()
    recorder.finish()
    copied = films.packets_of(av, open(path, "rb"))
    assert [without_parameter_sets(packet) for packet in copied] == [without_parameter_sets(packet) for packet in sent]
    assert [packet.is_keyframe for packet in copied] == [packet.is_keyframe for packet in sent]
    near = 2 * SECOND // 1000  # Matroska counts milliseconds.
    first = milestones(sent)[0]
    for ours, theirs in zip(milestones(copied), milestones(sent)):
        assert abs(ours - theirs + first - milestones(copied)[0]) <= near
    begin = min(milestones(copied))
    assert begin < SECOND // 5, "the file begins with its first picture"


def without_parameter_sets(packet):
    """Its units with lengths before them. h264parse puts those of the caps before the first picture."""
    data, units = bytes(packet), []
    while data:
        size = 4 + int.from_bytes(data[:4], "big")
        unit, data = data[:size], data[size:]
        if unit[4] & 31 not in (7, 8):
            units.append(unit)
    return units


def milestones(packets):
    """Their times of presentation in nanoseconds."""
    return [int(packet.pts * packet.time_base * SECOND) for packet in packets]


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_pictures_of_what_python_sent(av, gst, launch, key, cleanup, container):
    """decodebin makes every picture of it, in the order and at the distances that they had."""
    publisher, sent = publish_film(av, key, cleanup, container)
    reader = launch(f"{read_line(key)} ! decodebin ! fakesink name=end sync=false")
    shown = watch(gst, reader["end"].get_static_pad("sink"))
    reader.play()
    publisher.wait_subscribers(1, LONG)
    publisher.eos()
    publisher.close()
    reader.await_end()
    times = [one[1] for one in shown]
    assert len(times) == len(sent) == 30
    assert times[0] < SECOND // 5
    for number, shown_at in enumerate(times):
        assert abs(shown_at - times[0] - number * SECOND // 25) <= 2 * SECOND // 1000
