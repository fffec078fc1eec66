# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packets between PyAV and cuframes: what a demuxer finds is published with right caps and times, decoders take what is
subscribed to, and files hold what was sent."""

import contextlib
import io
import itertools
import socket
import threading
import time
from fractions import Fraction

import cuframes
import cuframes.packets
import films
import pytest
from cuframes._arrival_clock import Clock
from cuframes._caps import Caps
from cuframes._codecs import parameter_sets
from processes import SECONDS

LONG = int(SECONDS * 1000)
SECOND = 1_000_000_000


@pytest.fixture
def av(need):
    need("numpy")
    return need("av")


@pytest.fixture
def publisher(key, cleanup):
    made = cuframes.publish_packets(key, max_time=3600)
    cleanup.append(made)
    return made


@pytest.fixture
def read(key, cleanup):
    def make(**options):
        subscriber = cuframes.subscribe_packets(options.pop("key", key), connect_timeout_ms=LONG, **options)
        cleanup.append(subscriber)
        return subscriber

    return make


def publish_film(av, publisher, file, index=0):
    """Sends a file as a camera is sent, and gives its packets."""
    file.seek(0)
    sent = []
    with av.open(file) as source:
        for packet in source.demux(source.streams[index]):
            publisher.send(packet)
            sent.append(bytes(packet))
    publisher.eos()
    return [one for one in sent if one]


def pictures(av, frames):
    return [frame.to_ndarray() for frame in frames]


FILMS = {
    "H.264 of a file, with B-frames": ("libx264", "mp4", {"bf": "2"}, "video/x-h264", "avc"),
    "H.264 of a stream": ("libx264", "mpegts", {"tune": "zerolatency"}, "video/x-h264", "byte-stream"),
    "H.265 of a file": ("libx265", "matroska", {"x265-params": "log-level=none:bframes=2"}, "video/x-h265", "hvc1"),
    "H.265 of a stream": ("libx265", "mpegts", {"x265-params": "log-level=none"}, "video/x-h265", "byte-stream"),
    "VP8": ("libvpx", "webm", {}, "video/x-vp8", None),
    "VP9": ("libvpx-vp9", "webm", {"deadline": "realtime", "cpu-used": "8"}, "video/x-vp9", None),
    "AV1": ("libsvtav1", "mp4", {"preset": "12"}, "video/x-av1", "obu-stream"),
    "MJPEG": ("mjpeg", "matroska", {}, "image/jpeg", None),
    "MPEG-4": ("mpeg4", "mp4", {}, "video/mpeg", None),
    "MPEG-2": ("mpeg2video", "mpegts", {}, "video/mpeg", None),
}


@pytest.mark.parametrize("name", FILMS)
def test_demuxed_published_decoded(av, publisher, read, name):
    """A demuxer's packets go through a log byte by byte, with caps that say what they are; and a decoder made of those
    makes the same pictures of them as one of the file, at times that are the file's from now on."""
    codec, container, options, media, form = FILMS[name]
    film = films.video(av, codec, container, options=options)
    begin = time.monotonic_ns()
    sent = publish_film(av, publisher, film)
    caps = Caps(publisher.caps)
    assert (caps.name, caps.text("stream-format")) == (media, form)
    assert (caps.number("width"), caps.number("height"), caps.fraction("framerate")) == (*films.SIZE, Fraction(25))

    decoder, decoded, received = cuframes.packets.Decoder(), [], []
    for packet in read(preroll=3600):
        received.append(bytes(packet))
        decoded += decoder.decode(packet)
    decoded += decoder.flush()
    assert received == sent
    film.seek(0)
    with av.open(film) as source:
        direct = list(source.decode(video=0))
    assert len(decoded) == len(direct) == 30
    for ours, other in zip(pictures(av, decoded), pictures(av, direct)):
        assert (ours == other).all()
    times = [int(frame.pts * frame.time_base * SECOND) for frame in decoded]
    assert begin <= times[0] <= begin + 10 * SECOND
    for number, when in enumerate(times):
        assert abs(when - times[0] - number * SECOND // 25) < 2_000_000, "of containers that count milliseconds"


SOUNDS = {
    "AAC": ("aac", "mp4", 48000, "audio/mpeg"),
    "Opus": ("libopus", "matroska", 48000, "audio/x-opus"),
    "MP3": ("libmp3lame", "mp3", 48000, "audio/mpeg"),
    "G.711": ("pcm_alaw", "wav", 8000, "audio/x-alaw"),
    "PCM": ("pcm_s16le", "wav", 48000, "audio/x-raw"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sound(av, publisher, read, name):
    """So does sound."""
    codec, container, rate, media = SOUNDS[name]
    file = films.sound(av, codec, container, rate=rate)
    sent = publish_film(av, publisher, file)
    caps = Caps(publisher.caps)
    assert (caps.name, caps.number("rate"), caps.number("channels")) == (media, rate, 2 if rate == 48000 else 1)
    decoder, received, samples = cuframes.packets.Decoder(), [], 0
    for packet in read(preroll=3600):
        assert packet.is_keyframe
        received.append(bytes(packet))
        samples += sum(frame.samples for frame in decoder.decode(packet))
    samples += sum(frame.samples for frame in decoder.flush())
    assert received == sent and abs(samples - rate) < 4000
    assert decoder.context.sample_rate == rate


def test_a_viewer_begins_with_the_last_keyframe(av, publisher, read):
    """With start="keyframe" the first packet makes a picture, and it is that of the newest keyframe."""
    film = films.video(av, "libx264", "mp4", count=25, gop=10, options={"tune": "zerolatency"})
    publish_film(av, publisher, film)
    decoder = cuframes.packets.Decoder()
    subscriber = read(start="keyframe")
    frames = [frame for packet in subscriber for frame in decoder.decode(packet)] + decoder.flush()
    assert len(frames) == 5
    film.seek(0)
    with av.open(film) as source:
        last = pictures(av, list(source.decode(video=0))[-5:])
    assert all((ours == other).all() for ours, other in zip(pictures(av, frames), last))


def test_codec_context_by_hand(av, publisher, read):
    """A plain decoder of PyAV's of a packet's caps does the same."""
    publish_film(av, publisher, films.video(av, "libx264", "mp4"))
    context, count = None, 0
    for packet in read(preroll=3600):
        context = context or cuframes.packets.codec_context(packet.caps)
        for frame in context.decode(packet.to_av()):
            assert frame.pts is not None
            count += 1
    assert count + len(context.decode(None)) == 30


def test_to_av(av, publisher, read):
    """A packet of PyAV's has the bytes, times in nanoseconds, and the mark of a keyframe."""
    publisher.send(b"one", pts=5, dts=3, duration=2, keyframe=True)
    publisher.send(b"", pts=7, keyframe=False)
    first, second = itertools.islice(read(preroll=3600), 2)
    made = first.to_av(origin=1)
    assert isinstance(made, av.Packet) and bytes(made) == b"one"
    assert (made.pts, made.dts, made.duration, made.is_keyframe) == (4, 2, 2, True)
    assert made.time_base.numerator == 1 and made.time_base.denominator == SECOND
    made = second.to_av()
    assert (made.size, made.pts, made.dts, made.is_keyframe) == (0, 7, None, False)


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("name", ["H.264 of a file, with B-frames", "H.264 of a stream", "H.265 of a stream"])
def test_recording(av, publisher, read, name, container):
    """A file made of packets holds every one of them, in any container: times rise, and all pictures are there, without one
    being encoded anew."""
    codec, source, options, *_ = FILMS[name]
    film = films.video(av, codec, source, count=50, options=options)
    publish_film(av, publisher, film)
    recorded = io.BytesIO()
    subscriber = read(since=publisher.window()["oldest_time"])
    with av.open(recorded, "w", format=container) as output:
        first = subscriber.next_packet(LONG)
        stream = cuframes.packets.add_stream(output, first)
        for packet in itertools.chain([first], subscriber):
            output.mux(packet.to_av(stream, origin=first.pts_ns))
    packets = films.packets_of(av, recorded)
    # Matroska has none; its demuxer guesses those that it can.
    decode_times = [packet.dts * packet.time_base for packet in packets if packet.dts is not None]
    assert len(packets) == 50 and all(a < b for a, b in zip(decode_times, decode_times[1:]))
    recorded.seek(0), film.seek(0)
    with av.open(recorded) as ours, av.open(film) as original:
        frames = list(ours.decode(video=0))
        for mine, other in zip(pictures(av, frames), pictures(av, original.decode(video=0))):
            assert (mine == other).all()
        assert len(frames) == 50
        times = [float(frame.pts * frame.time_base) for frame in frames]
        assert abs(times[-1] - times[0] - 49 / 25) < 0.003
        assert times[0] < (0.2 if container != "mpegts" else 2)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_sound_is_recorded(av, publisher, read, container):
    """So is sound, whose codec data is in the caps."""
    publish_film(av, publisher, films.sound(av, "aac", "mp4"))
    recorded = io.BytesIO()
    subscriber = read(preroll=3600)
    with av.open(recorded, "w", format=container) as output:
        first = subscriber.next_packet(LONG)
        stream = cuframes.packets.add_stream(output, first)
        for packet in itertools.chain([first], subscriber):
            output.mux(packet.to_av(stream, origin=first.pts_ns))
    recorded.seek(0)
    with av.open(recorded) as source:
        assert (source.streams.audio[0].rate, len(source.streams.audio[0].layout.channels)) == (48000, 2)
        assert abs(sum(frame.samples for frame in source.decode(audio=0)) - 48000) < 4000


def test_streams_of_one_file_have_one_clock(av, key, cleanup, read):
    """Sound and picture that are published on two keys keep the file's times between them, to the nanosecond that the
    file has, however late the second one is first sent."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        picture = output.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
        picture.width, picture.height, picture.pix_fmt = *films.SIZE, "yuv420p"
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(films.picture(number, *films.SIZE), format="yuv420p")
            frame.pts = number
            output.mux(picture.encode(frame)) if number else None
        output.mux(picture.encode(None))
    file.seek(0)
    sound = films.sound(av, "libopus", "matroska")
    both = io.BytesIO()
    with av.open(file) as first, av.open(sound) as second, av.open(both, "w", format="matroska") as output:
        streams = [output.add_stream_from_template(one.streams[0], opaque=True) for one in (first, second)]
        for source, stream in zip((first, second), streams):
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    both.seek(0)
    publishers = [cuframes.publish_packets(f"{key}-{name}", max_time=3600) for name in ("video", "audio")]
    cleanup.extend(publishers)
    raw = ([], [])
    with av.open(both) as source:
        for packet in source.demux():
            if packet.dts is not None:
                publishers[packet.stream.index].send(packet)
                raw[packet.stream.index].append(int(packet.pts * packet.time_base * SECOND))
    sent = []
    for publisher in publishers:
        publisher.eos()
        sent.append([packet.pts for packet in read(key=publisher.key, preroll=3600)])
    offset = sent[0][0] - raw[0][0]
    for ours, theirs in zip(sent, raw):
        assert [one - offset for one in ours] == theirs and len(ours) > 20


def test_decoding_times_that_a_container_leaves_out(av, publisher, read):
    """Matroska says when pictures are shown; when the first ones are decoded nobody says of a stream with B-frames. Muxers
    that find no time there take that of showing, and are late with all that follows."""
    film = films.video(av, "libx264", "matroska", options={"bf": "2"})
    found = films.packets_of(av, film)
    assert found[0].dts is None, "or there is nothing to reckon"
    sent = publish_film(av, publisher, film)
    packets = list(read(preroll=3600))
    assert [bytes(packet) for packet in packets] == sent
    steps = [b.dts - a.dts for a, b in itertools.pairwise(packets)]
    assert all(abs(step - SECOND // 25) <= 1_000_000 for step in steps), steps
    assert all(packet.dts <= packet.pts for packet in packets)


def test_a_stream_that_ends_before_its_decoding_times_are_known(av, publisher, read):
    """What was held for them is sent without."""
    film = films.video(av, "libx264", "matroska", options={"bf": "2"})
    with av.open(film) as source:
        publisher.send(next(source.demux(video=0)))
        publisher.eos()
    (packet,) = read(preroll=3600)
    assert packet.is_keyframe and packet.pts is not None and packet.dts is None


def test_parameter_sets_that_a_stream_told_once(av, publisher, read):
    """RTSP tells the parameter sets before the first packet, and perhaps not again: they are put before keyframes, so that
    whoever begins at one can decode."""
    film = films.video(av, "libx264", "mpegts", count=20, options={"tune": "zerolatency"})
    packets = films.packets_of(av, film)
    sets = parameter_sets("h264", bytes(packets[0]))
    assert [sets.count(bytes([0, 0, 0, 1, first])) for first in (0x67, 0x68)] == [1, 1]
    stream = cuframes.packets._described(Caps("video/x-h264, width=(int)160, height=(int)96"), sets)
    for packet in packets:
        begin = bytes(packet).index(b"\0\0\1\x65") if packet.is_keyframe else 0
        bare = av.Packet(bytes(packet)[begin:])
        bare.pts, bare.dts, bare.time_base = packet.pts, packet.dts, packet.time_base
        bare.is_keyframe = packet.is_keyframe
        bare.stream = stream
        publisher.send(bare)
    publisher.eos()
    caps = Caps(publisher.caps)
    assert caps.text("stream-format") == "byte-stream" and caps.data("codec_data") is None
    decoder = cuframes.packets.Decoder()
    received = list(read(start="keyframe"))
    assert received[0].is_keyframe and len(received) == 10 and bytes(received[0]).startswith(sets)
    assert len([frame for packet in received for frame in decoder.decode(packet)] + decoder.flush()) == 10


def test_a_decoder_follows_its_packets(av, publisher, read):
    """Where caps change, in mid-stream, it is another one from then on, and no picture of the first is lost."""
    publish_film(av, publisher, films.video(av, "libx264", "mp4", count=12))
    publish_film(av, publisher, films.video(av, "libx264", "mp4", count=9, size=(96, 64)))
    publish_film(av, publisher, films.video(av, "libvpx", "webm", count=7))
    decoder, sizes = cuframes.packets.Decoder(), []
    subscriber = read(preroll=3600)
    for _ in range(28):
        try:
            packet = subscriber.next_packet(LONG)
        except cuframes.EndOfStream:
            packet = subscriber.next_packet(LONG)
        sizes += [(frame.width, frame.height) for frame in decoder.decode(packet)]
    sizes += [(frame.width, frame.height) for frame in decoder.flush()]
    assert sizes == [(160, 96)] * 12 + [(96, 64)] * 9 + [(160, 96)] * 7


def test_a_decoder_goes_on_with_the_next_publisher(av, key, read):
    """A publisher that is gone in the middle of its stream, and the next one: no picture is lost but those that were not
    sent."""
    film = films.video(av, "libx264", "mp4", count=24, options={"bf": "2"})
    decoder, count = cuframes.packets.Decoder(), 0
    subscriber = None
    for length in (17, 24):
        film.seek(0)
        with contextlib.closing(cuframes.publish_packets(key)) as publisher, av.open(film) as source:
            subscriber = subscriber or read(preroll=60, on_gone="wait")
            for packet in itertools.islice(source.demux(video=0), length):
                publisher.send(packet)
            for number in range(length):
                packet = subscriber.next_packet(LONG)
                assert packet.discontinuity == (number == 0)
                count += len(decoder.decode(packet))
    assert count + len(decoder.flush()) == 17 + 24


def test_a_decoder_makes_no_picture_of_what_is_missing(av, key, read):
    """After a gap there are pictures again from the next keyframe on, and none before that are made of the wrong ones."""
    film = films.video(av, "libx264", "mp4", count=24, gop=12, options={"tune": "zerolatency"})
    with cuframes.publish_packets(key, max_bytes=1 << 20) as publisher, av.open(film) as source:
        subscriber = read()
        for number, packet in enumerate(source.demux(video=0)):
            if number == 5:
                with pytest.raises(cuframes.OutOfMemory):
                    publisher.send(bytes(2 << 20), keyframe=False)
            else:
                publisher.send(packet)
    decoder, packets = cuframes.packets.Decoder(), list(subscriber)
    assert [packet.missed for packet in packets] == [0] * 5 + [1] + [0] * 17
    decoded = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()
    film.seek(0)
    with av.open(film) as source:
        right = pictures(av, source.decode(video=0))
    expected = right[:5] + right[12:]
    assert len(decoded) == len(expected)
    assert all((ours == other).all() for ours, other in zip(pictures(av, decoded), expected))


@pytest.mark.parametrize("name", [*FILMS, *SOUNDS])
def test_caps_are_gstreamers(av, publisher, read, need, name):
    """A pipeline takes the packets by their caps: its own choice of parsers and decoders makes pictures, or sound, of
    them."""
    gi = need("gi")
    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401

    Gst.init(None)
    if name in FILMS:
        codec, container, options, *_ = FILMS[name]
        publish_film(av, publisher, films.video(av, codec, container, options=options))
    else:
        codec, container, rate, _ = SOUNDS[name]
        publish_film(av, publisher, films.sound(av, codec, container, rate=rate))
    pipeline = Gst.parse_launch(
        "appsrc name=source format=time ! decodebin ! appsink name=sink sync=false max-buffers=0"
    )
    source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
    source.set_property("caps", Gst.Caps.from_string(publisher.caps))
    pipeline.set_state(Gst.State.PLAYING)
    origin = None
    for packet in read(preroll=3600):
        origin = origin or packet.pts - SECOND
        buffer = Gst.Buffer.new_wrapped(bytes(packet))
        buffer.pts, buffer.dts = packet.pts - origin, packet.pts - origin if packet.dts is None else packet.dts - origin
        if not packet.is_keyframe:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    found = 0
    while (sample := sink.emit("try-pull-sample", int(SECONDS) * Gst.SECOND)) is not None:
        found += 1 if name in FILMS else sample.get_buffer().get_size()
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    assert message is None, message.parse_error()
    assert found == 30 if name in FILMS else found > 7000


def test_encoders_packets(av, key, read):
    """What an encoder of PyAV's makes is published without a file."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *films.SIZE, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.options = Fraction(1, 25), Fraction(25), {"tune": "zerolatency"}
    encoder.open()
    with cuframes.publish_packets(key, cuframes.packets.caps_of(encoder)) as publisher:
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(films.picture(number, *films.SIZE), format="yuv420p")
            frame.pts = number
            for packet in encoder.encode(frame):
                publisher.send(packet)
        subscriber = read(preroll=60)
        decoder = cuframes.packets.Decoder()
        packets = [subscriber.next_packet(LONG) for _ in range(5)]
    assert len([frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()) == 5
    assert [b.pts - a.pts for a, b in zip(packets, packets[1:])] == [SECOND // 25] * 4


def test_what_cannot_be(av, publisher, read, key):
    """What has no caps, no codec or no beginning is refused in words."""
    lonely = av.Packet(b"bytes")
    lonely.pts = lonely.dts = 0
    lonely.time_base = Fraction(1, 1000)
    with pytest.raises(cuframes.InvalidArgument, match="caps_of"):
        publisher.send(lonely)
    for caps in ("video/x-unheard-of", "", "audio/mpeg, mpegversion=(int)4, stream-format=(string)adts"):
        with pytest.raises(cuframes.InvalidArgument, match="no way from caps"):
            cuframes.packets.codec_context(caps)
    publisher.caps = "video/x-h264, stream-format=(string)byte-stream"
    publisher.send(b"\0\0\0\1\x41nothing", keyframe=True)
    packet = read(preroll=60).next_packet(LONG)
    with av.open(io.BytesIO(), "w", format="mp4") as output:
        with pytest.raises(cuframes.InvalidArgument, match="parameter sets"):
            cuframes.packets.add_stream(output, packet)


class Source:
    """A source whose clock runs as it likes beside ours, and that has a name."""

    def __init__(self, monkeypatch, name=""):
        self.name = name
        self.now = 1_000 * SECOND
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.now)
        self.clock = Clock(self)

    def captured(self, at):
        self.clock.see(self, at)
        return at + self.clock.offset


def test_a_cameras_clock_is_followed(monkeypatch):
    """A camera's clock goes wrong by seconds in a day: times of capture stay those of this machine, and steps the stream's
    but for a few milliseconds."""
    for parts_per_million in (-100, 100):
        source = Source(monkeypatch, "rtsp://camera")
        last = None
        for number in range(24 * 3600):
            source.now = 1_000 * SECOND + number * SECOND
            at = number * (SECOND + parts_per_million * 1000)
            captured = source.captured(at)
            assert abs(captured - source.now) < 50_000_000, number
            assert last is None or abs(captured - last - SECOND) < 5_000_000
            last = captured


def test_a_file_is_not_followed(monkeypatch):
    """A file that is read faster or slower than it plays has its own steps."""
    for speed in (0.1, 30):
        source = Source(monkeypatch, "film.mp4")
        first = source.captured(0)
        for number in range(1, 10_000):
            source.now += int(SECOND / 25 / speed)
            assert abs(source.captured(number * SECOND // 25) - first - number * SECOND // 25) <= 20_000_000


def test_a_stream_that_begins_anew(monkeypatch):
    """A file that is played in a loop, and a camera whose clock was set, go on from now; times rise all the same."""
    source = Source(monkeypatch)
    times = []
    for at in [*range(0, 20), *range(0, 20), *range(90_000, 90_020)]:
        source.now += SECOND
        times.append(source.captured(at * SECOND))
        assert abs(times[-1] - source.now) < 1_000_000
    assert all(a < b for a, b in zip(times, times[1:]))


def test_what_a_demuxer_has_looked_into(monkeypatch, av, publisher, read):
    """PyAV gives a second of a live stream at once, which it has looked into: that is of the past, and no packet is of the
    future. The first ones may have no time, and get that which they must have had."""
    source = Source(monkeypatch, "rtsp://camera")
    arrivals = cuframes.packets.Arrivals(caps_are_given=True)
    arrivals._clock = source.clock
    given = []

    def arrive(number, after):
        packet = av.Packet(b"%d" % number)
        packet.time_base = Fraction(1, 1000)
        if number > 1:
            packet.pts = packet.dts = number * 40
        source.now += after
        return [(int(bytes(one.data)), one.pts, one.dts) for one in arrivals.take(packet, {})]

    for number in range(30):
        given += arrive(number, 30_000_000 if number == 20 else 1_000_000)
    assert given == [], "the clock is not known yet, and a pause does not end that"
    for number in range(30, 60):
        given += arrive(number, 40_000_000)
    assert [number for number, *_ in given] == list(range(60))
    times = [pts for _, pts, _ in given]
    assert [dts for *_, dts in given] == times and {b - a for a, b in zip(times, times[1:])} == {40_000_000}
    assert source.now - 40_000_000 <= times[-1] <= source.now


def send_as_a_camera(server, pieces, at_once):
    """To one client: so many pieces that it gets at once, and the rest as time goes by."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"".join(pieces[:at_once]))
        begin = time.monotonic()
        for number, piece in enumerate(pieces[at_once:], 1):
            time.sleep(max(0, begin + number / films.RATE - time.monotonic()))
            connection.sendall(piece)


@contextlib.contextmanager
def live(av, film, at_once):
    """The film as a source that comes over the network."""
    ends = [packet.pos for packet in films.packets_of(av, film)][1:] + [None]
    pieces = [film.getvalue()[begin:end] for begin, end in zip([0, *ends], ends)]
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=send_as_a_camera, args=(server, pieces, at_once))
        thread.start()
        with av.open(f"tcp://127.0.0.1:{server.getsockname()[1]}", format="mpegts") as source:
            yield source
        thread.join(SECONDS)


def test_a_live_source(av, publisher, read):
    """Packets of a source that comes over the network are not of the future, have the source's steps, and all are
    published, with those that were held back to know their times."""
    film = films.video(av, "libx264", "mpegts", count=75, options={"tune": "zerolatency"})
    with live(av, film, 38) as source:
        for packet in source.demux(video=0):
            publisher.send(packet)
    publisher.eos()
    packets = list(read(preroll=60))
    assert len(packets) == 75
    steps = [b.pts - a.pts for a, b in zip(packets, packets[1:])]
    assert min(steps) >= 30_000_000 and sum(step == 40_000_000 for step in steps) > 50, steps
    # At the end it gives at once what it would have given a packet or two later.
    lags = [packet.publish_time_ns - packet.pts for packet in packets[:-3]]
    assert lags[0] > 1_000_000_000 and min(lags) > -20_000_000 and min(lags) < 500_000_000, lags


@pytest.mark.parametrize("end", ["eos", "close"])
def test_a_live_source_that_ends_before_its_times_are_known(av, publisher, read, end):
    """What is held back is published at the end, however that comes."""
    film = films.video(av, "libx264", "mpegts", count=8, options={"tune": "zerolatency"})
    subscriber = read()
    with live(av, film, 8) as source:
        for packet in source.demux(video=0):
            publisher.send(packet)
    getattr(publisher, end)()
    received = []
    with contextlib.suppress(cuframes.PublisherGone):
        while True:
            received.append(bytes(subscriber.next_packet(LONG)))
    assert received == [bytes(packet) for packet in films.packets_of(av, film)]


WITHOUT = """
import sys, cuframes
with cuframes.publish_packets(sys.argv[1]) as publisher, cuframes.subscribe_packets(sys.argv[1]) as subscriber:
    publisher.send(b"one")
    assert bytes(subscriber.next_packet()) == b"one"
print(sorted({"av", "numpy"} & set(sys.modules)))
"""


def test_nothing_is_imported_that_is_not_used(program, key):
    """Packets need no other package."""
    assert program(WITHOUT, key).finish() == (0, "[]\n", "")
