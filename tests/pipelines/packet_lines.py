# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines of the table about packets: cameras that share them, and what is started when behind them. As in cameras.py
what stands here is run as it stands and printed; only the port of an RTSP server is whichever is free."""

import dataclasses

# A keyframe every ten seconds.
GOP = 10.0
PICTURES = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,{},framerate=25/1"
LARGE, SMALL = PICTURES.format("width=1280,height=720"), PICTURES.format("width=160,height=120")
X264, X265 = ("x26{}enc tune=zerolatency speed-preset=ultrafast key-int-max={}".format(n, "{}") for n in (4, 5))


@dataclasses.dataclass(frozen=True)
class PacketReader:
    """A line that is started `at` seconds after the camera's first packet and ended `seconds` later."""

    line: str
    at: tuple = ()  # a viewer: each of them one after the other
    seconds: float = 3.0
    how: str = "shown"  # recorded: its files are demuxed and decoded; asked: packets from a frame's time on
    frames: str = ""  # the line that reads those frames
    files: str = ""
    count: int = 1  # as many at once
    key: str = "cam"
    preroll: float = None
    told: bool = False  # that the past is shorter than asked for
    killed: bool = False  # the camera is killed meanwhile, and another comes
    sound: str = ""  # the key of the sound that is recorded, too
    note: str = ""


@dataclasses.dataclass(frozen=True)
class PacketSection:
    name: str
    title: str
    cameras: tuple
    readers: tuple
    server: str = ""
    latency: float = 0.0  # how long after its capture a packet is published
    killed: tuple = ()  # when the last camera is killed, and when it comes back
    fps: int = 25
    gop: float = GOP


def recorder(preroll, muxer, file, **more):
    """It starts when there is a keyframe that is ten seconds old."""
    options = {
        "how": "recorded",
        "files": file.replace("FILE", "file*.mkv"),
        "preroll": preroll / 1000,
        "at": (22.5,),
        "seconds": 3.0,
    }
    line = "cuframessrc key={} start=preroll preroll={} join=record ! h264parse ! {} ! filesink location={}"
    options |= more
    return PacketReader(line.format(options.get("key", "cam"), preroll, muxer, file), **options)


def viewer(codec, start, **more):
    decode = f"h26{codec}parse ! avdec_h26{codec} ! videoconvert ! fakesink sync=true"
    return PacketReader(f"cuframessrc key=cam start={start} ! {decode}", **more)


H264 = PacketSection(
    "packets",
    "Packets of an RTSP camera with a keyframe every ten seconds",
    (
        "rtspsrc location=rtsp://127.0.0.1:8554/cam ! rtph264depay ! h264parse ! cuframessink key=cam max-time=20000",
        f"{SMALL} ! {X264.format(25)} ! h264parse ! cuframessink key=av.h264 "
        "audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000,channels=1 ! avenc_aac ! aacparse "
        "! cuframessink key=av.aac",
        f"{SMALL} ! x264enc speed-preset=ultrafast bframes=2 b-adapt=false rc-lookahead=0 key-int-max=25 ! h264parse "
        "! tee name=t t. ! queue ! cuframessink key=tee.h264 t. ! queue ! avdec_h264 ! cuframessink key=tee",
        f"{SMALL} ! {X264.format(25)} ! h264parse ! cuframessink key=killed",
    ),
    (
        viewer(4, "keyframe", at=(12, 15, 19)),
        viewer(4, "live", at=(15.5,), seconds=6.0),
        recorder(10000, "mp4mux", "event.mp4"),
        recorder(10000, "mp4mux fragment-duration=1000", "fragments.mp4"),
        recorder(10000, "matroskamux", "FILE", count=20, note="twenty of them at once"),
        recorder(0, "matroskamux", "none.mkv", at=(18.5,)),
        recorder(60000, "matroskamux", "all.mkv", told=True),
        recorder(3000, "mp4mux fragment-duration=1000", "killed.mp4", at=(5,), seconds=7.0, killed=True, key="killed"),
        recorder(3000, "matroskamux", "killed.mkv", at=(5,), seconds=7.0, killed=True, key="killed"),
        PacketReader(
            "mp4mux name=m ! filesink location=sound.mp4 "
            "cuframessrc key=av.h264 start=preroll preroll=3000 join=record ! h264parse ! queue ! m. "
            "cuframessrc key=av.aac start=preroll preroll=3000 join=record ! aacparse ! queue ! m.",
            at=(6,),
            seconds=5.0,
            how="recorded",
            files="sound.mp4",
            key="av.h264",
            preroll=3.0,
            sound="av.aac",
        ),
        PacketReader(
            "cuframessrc key=tee.h264 start=time start-time=TIME ! h264parse ! avdec_h264 ! fakesink sync=false",
            at=(5,),
            how="asked",
            frames="cuframessrc key=tee ! fakesink",
            key="tee.h264",
            note="the time of a frame of `cuframessrc key=tee`, as read in its pipeline",
        ),
    ),
    server=f"{LARGE} ! {X264.format(250)} ! rtph264pay name=pay0",
    latency=2.0,
    killed=(8, 9),
)
H265 = PacketSection(
    "packets H.265",
    "H.265 of an RTSP camera with 200 ms of jitter buffer",
    ("rtspsrc location=rtsp://127.0.0.1:8554/cam latency=200 ! rtph265depay ! h265parse ! cuframessink key=cam",),
    (viewer(5, "keyframe", at=(3, 5, 8), seconds=2.0),),
    latency=0.2,
    server=f"{LARGE} ! {X265.format(250)} ! rtph265pay name=pay0",
)
PACKET_SECTIONS = (H264, H265)
