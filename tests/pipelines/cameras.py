# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines of the table: cameras, and readers for each. What stands here is run as it stands and printed in
docs/reference/pipelines.md; only the port of an RTSP server (8554 here) is whichever is free."""

import dataclasses

SIZE = "format=I420,width=160,height=120"
TEST = f"videotestsrc is-live=true ! video/x-raw,{SIZE},framerate=30/1"
RTSP = "rtspsrc location=rtsp://127.0.0.1:8554/cam{} ! rtph264depay ! h264parse ! avdec_h264 ! cuframessink key=cam"
SERVER = f"{TEST} ! x264enc tune=zerolatency key-int-max=30 ! rtph264pay name=pay0"


@dataclasses.dataclass(frozen=True)
class Reader:
    """A line behind a camera, and what is looked at: pictures `shown` by its sink, `pulled` from its appsink,
    or `recorded` in its files."""

    line: str
    what: str = "shown"
    files: str = ""
    rate: float = 0.0  # pictures/s to be shown; 0: the camera's
    repeats: bool = False  # pictures may be shown more than once, or left out where two rates meet
    pull: float = 0.0  # seconds for which each pulled sample is held
    peer: bool = True  # run with unixfdsrc as well
    sound: bool = False
    complete: bool = False  # no picture may be missing, not even on a busy machine
    # role; launch: gst-launch-1.0 -e, ended by Ctrl-C; served: by an RTSP server; called: by WebRTC;
    # joins: twenty at random moments; plays: a player, which shares what it plays under the key `played`.
    how: str = "role"
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    name: str
    title: str
    cameras: tuple
    readers: tuple
    fps: int = 30
    late: float = 0.0  # how long after its capture a picture is published
    server: str = ""  # line of an RTSP server
    file: bool = False  # the camera plays a file, and starts after its readers
    stalls: str = ""  # camera, server: which process stands still for 3 s
    eos: bool = False  # the camera's end ends the readers
    exact: bool = False  # rates are right within one picture/s
    seconds: float = 3.0  # measured


def recorder(chain, file, **more):
    return Reader(
        f"cuframessrc key=cam ! {chain} location={file}",
        what="recorded",
        files=file.replace("%02d", "*"),
        **more,
    )


def strict(reader):
    return dataclasses.replace(reader, line=reader.line.replace("key=cam", "key=cam mode=strict"), complete=True)


VIEWER = Reader("cuframessrc key=cam ! videoconvert ! fakesink sync=true")
# What autovideosink's sinks do with a picture that is late.
LIKE_A_WINDOW = Reader("cuframessrc key=cam ! videoconvert ! fakesink sync=true max-lateness=5000000 qos=true")
VIDEORATE = Reader(
    "cuframessrc key=cam ! videorate ! video/x-raw,framerate=15/1 ! fakesink sync=true", rate=15, repeats=True
)
X264 = recorder("x264enc ! h264parse ! matroskamux ! filesink", "x264.mkv")
X264_THREADS = recorder("x264enc threads=24 ! h264parse ! matroskamux ! filesink", "threads.mkv")
SLOW_BRANCH = Reader(
    "cuframessrc key=cam ! tee name=t ! queue ! x264enc tune=zerolatency ! matroskamux ! filesink location=tee.mkv "
    "t. ! queue leaky=downstream max-size-buffers=1 ! identity sleep-time=300000 ! fakesink sync=false",
    what="recorded",
    files="tee.mkv",
)
MP4 = recorder("x264enc tune=zerolatency ! h264parse ! mp4mux ! filesink", "rec.mp4")
SPLIT = recorder(
    "x264enc tune=zerolatency key-int-max=15 ! h264parse ! splitmuxsink max-size-time=2000000000",
    "split%02d.mp4",
)
HLS = recorder(
    "x264enc tune=zerolatency key-int-max=30 ! h264parse "
    "! hlssink2 max-files=0 target-duration=2 playlist-location=rec.m3u8",
    "hls%02d.ts",
)
COMPOSITOR = Reader(
    "compositor name=c background=black sink_1::ypos=60 ! video/x-raw,format=I420,framerate=30/1 ! fakesink sync=true "
    "cuframessrc key=cam ! c. cuframessrc key=cam2 ! c.",
    rate=30,
    repeats=True,
)
APPSINK = Reader("cuframessrc key=cam ! appsink", what="pulled")
APPSINK_KEEPS = Reader(
    "cuframessrc key=cam ! appsink sync=false", what="pulled", pull=0.05, note="each sample held for 50 ms"
)
APPSINK_DROP = Reader(
    "cuframessrc key=cam ! appsink drop=true max-buffers=1 sync=false",
    what="pulled",
    pull=0.2,
    rate=5,
    repeats=True,
    note="each sample held for 200 ms",
)
MATRIX = (VIEWER, VIDEORATE, X264, X264_THREADS, SLOW_BRANCH, MP4, SPLIT, COMPOSITOR, APPSINK, APPSINK_DROP)
README = (VIEWER, LIKE_A_WINDOW, VIDEORATE, MP4)
SECOND = f"{TEST} ! cuframessink key=cam2"


def up_to(rate):
    return dataclasses.replace(VIDEORATE, line=VIDEORATE.line.replace("15/1", f"{rate}/1"), rate=rate)


SECTIONS = (
    Section("test source", "A test source, 30 pictures/s", (f"{TEST} ! cuframessink key=cam", SECOND), MATRIX),
    Section(
        "viewers",
        "Other viewers of a test source",
        (f"{TEST} ! cuframessink key=cam", SECOND),
        (
            LIKE_A_WINDOW,
            Reader("cuframessrc key=cam ! videoconvert ! queue ! fakesink sync=true"),
            Reader("cuframessrc key=cam ! fakesink sync=false"),
            up_to(30),
            up_to(60),
            Reader("cuframessrc key=cam ! deinterlace mode=interlaced method=greedyh fields=top ! fakesink sync=true"),
            Reader(
                "cuframessrc key=cam ! intervideosink "
                "intervideosrc ! video/x-raw,format=I420,framerate=30/1 ! fakesink sync=true",
                rate=30,
                repeats=True,
            ),
            APPSINK_KEEPS,
            Reader(
                "cuframessrc key=cam ! x264enc tune=zerolatency ! rtph264pay name=pay0",
                how="served",
                note="read by `rtspsrc latency=200`",
            ),
            Reader(
                "cuframessrc key=cam ! vp8enc deadline=1 ! rtpvp8pay ! webrtcbin",
                how="called",
                peer=False,
                note="read by another `webrtcbin`",
            ),
            Reader(
                'gst-play-1.0 --no-interactive --videosink="cuframessink key=played" cuframes://cam',
                how="plays",
                peer=False,
                note="read by `cuframessrc key=played ! fakesink sync=true`",
            ),
        ),
    ),
    Section(
        "encoders",
        "Recorders with other encoders",
        (f"{TEST} ! cuframessink key=cam",),
        (
            recorder("x265enc ! h265parse ! mp4mux ! filesink", "x265.mp4"),
            recorder("vp9enc deadline=1 cpu-used=8 ! matroskamux ! filesink", "vp9.mkv"),
            recorder("svtav1enc preset=12 ! av1parse ! matroskamux ! filesink", "svtav1.mkv"),
            recorder("av1enc usage-profile=realtime cpu-used=8 ! av1parse ! mp4mux ! filesink", "av1.mp4"),
            recorder("jpegenc ! qtmux ! filesink", "jpeg.mov"),
            recorder(
                "encodebin profile=video/quicktime,variant=iso:video/x-h264 ! filesink",
                "encodebin.mp4",
                repeats=True,
                note="it has a videorate of its own",
            ),
        ),
    ),
    Section(
        "muxers",
        "Recorders that take every picture, with other muxers and with sound",
        (f"{TEST} ! cuframessink key=cam",),
        (
            strict(MP4),
            strict(recorder("x264enc ! h264parse ! qtmux ! filesink", "rec.mov")),
            strict(recorder("x264enc tune=zerolatency ! h264parse ! matroskamux ! filesink", "rec.mkv")),
            strict(recorder("x264enc tune=zerolatency ! h264parse ! mpegtsmux ! filesink", "rec.ts")),
            strict(SPLIT),
            strict(HLS),
            strict(
                Reader(
                    "mp4mux name=m ! filesink location=sound.mp4 audiotestsrc is-live=true ! audioconvert ! avenc_aac ! m. "
                    "cuframessrc key=cam ! x264enc tune=zerolatency ! h264parse ! m.",
                    what="recorded",
                    files="sound.mp4",
                    sound=True,
                )
            ),
            strict(
                Reader(
                    "matroskamux name=m ! filesink location=sound.mkv "
                    "audiotestsrc is-live=true ! audioconvert ! opusenc ! m. "
                    "cuframessrc key=cam ! x264enc ! h264parse ! m.",
                    what="recorded",
                    files="sound.mkv",
                    sound=True,
                )
            ),
        ),
    ),
    Section(
        "Ctrl-C",
        "Recorders that Ctrl-C ends",
        (f"{TEST} ! cuframessink key=cam",),
        tuple(
            dataclasses.replace(reader, how="launch", peer=False)
            for reader in (
                MP4,
                X264,
                SPLIT,
                recorder("x264enc ! h264parse ! qtmux ! filesink", "rec.mov"),
                recorder("x264enc tune=zerolatency ! h264parse ! mpegtsmux ! filesink", "rec.ts"),
                HLS,
            )
        ),
    ),
    Section(
        "end",
        "Recorders that the camera's end ends",
        (TEST.replace("is-live=true", "is-live=true num-buffers=240") + " ! cuframessink key=cam",),
        tuple(
            strict(reader)
            for reader in (MP4, X264, SPLIT, recorder("x264enc ! h264parse ! mpegtsmux ! filesink", "rec.ts"))
        ),
        eos=True,
    ),
    Section(
        "joins",
        "Twenty recorders that join at random moments",
        (f"{TEST} ! cuframessink key=cam",),
        (
            Reader(
                "cuframessrc key=cam ! x264enc ! h264parse ! mp4mux ! filesink location=FILE",
                what="recorded",
                how="joins",
            ),
        ),
    ),
    Section(
        "file",
        "A file, started after its readers",
        ("filesrc location=clip.mp4 ! decodebin ! cuframessink key=cam", SECOND),
        tuple(dataclasses.replace(reader, peer=False) for reader in MATRIX),
        file=True,
        eos=True,
    ),
    Section(
        "RTSP 0",
        "An RTSP camera without a jitter buffer",
        (RTSP.format(" latency=0"), SECOND),
        MATRIX,
        server=SERVER,
    ),
    Section(
        "RTSP 200",
        "An RTSP camera with 200 ms of jitter buffer",
        (RTSP.format(" latency=200"), SECOND),
        MATRIX,
        late=0.2,
        server=SERVER,
    ),
    Section(
        "RTSP 2000",
        "An RTSP camera with rtspsrc's default, 2 s of jitter buffer",
        (RTSP.format(""), SECOND),
        MATRIX,
        late=2,
        server=SERVER,
    ),
    Section(
        "late",
        "A camera that is 2 s late",
        (
            f"{TEST} ! queue min-threshold-time=2000000000 max-size-time=0 max-size-buffers=0 max-size-bytes=0 "
            "! cuframessink key=cam",
            SECOND,
        ),
        MATRIX,
        late=2,
    ),
    Section(
        "60",
        "A test source, 60 pictures/s",
        (f"{TEST} ! cuframessink key=cam".replace("30/1", "60/1"), SECOND),
        (VIEWER, VIDEORATE, MP4, COMPOSITOR, APPSINK, APPSINK_DROP),
        fps=60,
        exact=True,
    ),
    Section(
        "stall",
        "A test source that stands still for 3 s",
        (f"{TEST} ! cuframessink key=cam", SECOND),
        MATRIX,
        stalls="camera",
    ),
    Section(
        "README camera",
        "README's lines, when the camera stands still for 3 s",
        (RTSP.format(""),),
        README,
        late=2,
        server=SERVER,
        stalls="server",
        exact=True,
    ),
    Section(
        "README publisher",
        "README's lines, when the publisher stands still for 3 s",
        (RTSP.format(""),),
        README,
        late=2,
        server=SERVER,
        stalls="camera",
        exact=True,
    ),
)
