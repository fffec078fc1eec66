# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exceptions: one family, classes by what the caller can do, and messages that name the thing and the way
out."""

import asyncio
import copy
import os
import pickle

import cuframes
import pytest

BASES = {
    "PublisherGone": ConnectionError,
    "EndOfStream": cuframes.PublisherGone,
    "FrameTimeout": TimeoutError,
    "DeviceLost": cuframes.Error,
    "ShmError": cuframes.Error,
    "ProtocolMismatch": cuframes.Error,
    "InvalidArgument": ValueError,
    "OutOfMemory": MemoryError,
    "Internal": cuframes.Error,
    "KeyInUse": cuframes.Error,
    "AccessDenied": PermissionError,
    "RingFull": cuframes.Error,
    "OtherContent": cuframes.Error,
    "NoFreeSlot": cuframes.Error,
    "LeasesExhausted": cuframes.Error,
    "Forked": RuntimeError,
    "Closed": ValueError,
}
REFERENCE = [
    "PublisherGone",
    "FrameTimeout",
    "DeviceLost",
    "ShmError",
    "ProtocolMismatch",
    "InvalidArgument",
    "OutOfMemory",
    "Internal",
]


@pytest.mark.parametrize("name", BASES)
def test_hierarchy(name):
    """Every exception is a cuframes.Error, and of the builtin kind that generic code catches."""
    kind = getattr(cuframes, name)
    assert issubclass(kind, cuframes.Error) and issubclass(kind, BASES[name])
    assert getattr(cuframes.errors, name) is kind and kind.__module__.startswith("cuframes")


@pytest.mark.parametrize("name", REFERENCE)
def test_names_of_the_reference(name):
    """The reference's names are the same classes."""
    assert getattr(cuframes, f"Cuframes{name}") is getattr(cuframes, name)
    assert cuframes.CuframesError is cuframes.Error


def test_every_error_of_the_library_has_its_class():
    """The C library's list names a class for each of its errors; all classes but the package's own are in it."""
    classes = cuframes._native.error_classes()
    assert sorted(classes, reverse=True) == list(range(-1, -len(classes) - 1, -1))
    assert {getattr(cuframes, name) for name in classes.values()} == {
        getattr(cuframes, name) for name in BASES if name != "Internal"
    }
    for code, name in classes.items():
        made = cuframes.errors.from_code(code, "why")
        assert type(made) is getattr(cuframes, name) and made.name == cuframes._native.error_name(code) != "unknown"
    assert type(cuframes.errors.from_code(min(classes) - 1, "why")) is cuframes.Internal


def test_aliases_of_classes():
    """CuframesSubscriber and CuframesFrame are Subscriber and Frame."""
    assert cuframes.CuframesSubscriber is cuframes.Subscriber
    assert cuframes.CuframesFrame is cuframes.Frame


def test_code_and_name(key):
    """An exception carries the C library's error code and its name; 0 and "" where the failure is the package's
    own."""
    for make, name in (
        (lambda: cuframes.publish("a/b"), "CUFRAMES_ERROR_INVALID_KEY"),
        (lambda: cuframes.Subscriber(key, on_gone="panic"), ""),
    ):
        with pytest.raises(cuframes.InvalidArgument) as caught:
            make()
        assert caught.value.name == name and (caught.value.code < 0) == (name != "")


@pytest.mark.parametrize("bad", ["", "a/b", "x" * 65, "white space"])
def test_bad_keys(bad):
    """A key that cannot be is InvalidArgument, for both sides."""
    with pytest.raises(cuframes.InvalidArgument):
        cuframes.publish(bad)
    with pytest.raises(cuframes.InvalidArgument):
        cuframes.subscribe(bad, connect_timeout_ms=0)


def test_key_in_use(publish, publisher_process, key):
    """A live publisher's key is refused with its pid."""
    other = publisher_process()
    with pytest.raises(cuframes.KeyInUse, match=str(other.pid)):
        publish()


def test_unusable_directory(key, tmp_path):
    """A directory that cannot be one is ShmError naming it."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(cuframes.ShmError, match="file"):
        cuframes.publish(key, directory=str(path))


def test_errors_can_be_pickled(key):
    """Errors can be pickled, so that they cross process pools."""
    with pytest.raises(cuframes.PublisherGone) as caught:
        cuframes.subscribe(key, connect_timeout_ms=0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is cuframes.PublisherGone and str(again) == str(caught.value)
    assert (again.code, again.name) == (caught.value.code, caught.value.name)


def test_version():
    """The package says its version, and that of the library."""
    assert cuframes.version_string() == cuframes.__version__
    assert cuframes.version_string().count(".") == 2


def test_default_directory(directory):
    """default_directory() is where keys without a directory live."""
    assert str(cuframes.default_directory()) == str(directory)


def image():
    return memoryview(bytearray(64)).cast("B", (8, 8))


CALLS_WITH_NUMBERS = {
    "next_frame": lambda subscriber, publisher: subscriber.next_frame(0.5),
    "next_frame_async": lambda subscriber, publisher: asyncio.run(subscriber.next_frame_async(0.5)),
    "connect": lambda subscriber, publisher: subscriber.connect(timeout_ms="1"),
    "subscribe": lambda subscriber, publisher: cuframes.subscribe("nobody", connect_timeout_ms=0.5),
    "wait_subscribers": lambda subscriber, publisher: publisher.wait_subscribers(1, timeout_ms=1.5),
    "readers": lambda subscriber, publisher: publisher.wait_subscribers(1.5),
    "send": lambda subscriber, publisher: publisher.send(image(), pts=1.5),
    "duration": lambda subscriber, publisher: publisher.send(image(), duration=0.04),
    "flags": lambda subscriber, publisher: publisher.send(image(), flags="no"),
    "latency": lambda subscriber, publisher: publisher.set_latency(1e6),
    "max_held": lambda subscriber, publisher: cuframes.Subscriber("nobody", max_held=1.5),
    "slots": lambda subscriber, publisher: cuframes.publish("nobody", slots=8.0),
    "width": lambda subscriber, publisher: publisher.configure("GRAY8", 8.0, 8),
    "format": lambda subscriber, publisher: publisher.configure(3, 8, 8),
    "device": lambda subscriber, publisher: publisher.configure("GRAY8", 8, 8, memory="cuda", cuda_device="0"),
    "device of a publisher": lambda subscriber, publisher: cuframes.publish("nobody", cuda_device=1.5),
    "self test": lambda subscriber, publisher: cuframes.cuda_self_test("0"),
    "key": lambda subscriber, publisher: cuframes.publish(3),
    "no key": lambda subscriber, publisher: cuframes.publish(None),
    "key of a reader": lambda subscriber, publisher: cuframes.subscribe(3),
    "key of packets": lambda subscriber, publisher: cuframes.publish_packets(3),
    "inspected key": lambda subscriber, publisher: cuframes.inspect(3),
    "name": lambda subscriber, publisher: cuframes.Subscriber("nobody", consumer_name=3),
    "access": lambda subscriber, publisher: cuframes.publish("nobody", access=3),
    "caps": lambda subscriber, publisher: cuframes.publish("nobody", caps=3),
    "directory": lambda subscriber, publisher: cuframes.publish("nobody", directory=3),
    "listed directory": lambda subscriber, publisher: cuframes.list(directory=3),
    "metadata": lambda subscriber, publisher: publish_with(publisher, metadata="text"),
    "time of a slot": lambda subscriber, publisher: publish_with(publisher, pts=1.5),
    "picture": lambda subscriber, publisher: publisher.send("picture"),
}


def publish_with(publisher, **said):
    with publisher.acquire() as slot:
        for name, value in said.items():
            setattr(slot, name, value)


@pytest.mark.parametrize("call", CALLS_WITH_NUMBERS)
def test_wrong_kinds_of_arguments_are_named(publish, key, cleanup, call):
    """A fraction where a whole number is meant, or a number where a text is, is a TypeError in the user's words, and not of
    the inside."""
    publisher = publish(format="GRAY8", width=8, height=8)
    subscriber = cuframes.Subscriber(key)
    cleanup.append(subscriber)
    with pytest.raises(TypeError) as caught:
        CALLS_WITH_NUMBERS[call](subscriber, publisher)
    assert "_native" not in str(caught.value) and "incompatible function" not in str(caught.value)


def test_any_whole_number_is_a_timeout(publish, subscribe):
    """Whatever is too long for a number is for ever, and numbers of other libraries are numbers."""

    class Number:
        def __index__(self):
            return 10**30

    publisher, subscriber = publish(), subscribe()
    for timeout in (10**30, 2**63, Number(), -(10**30)):
        publisher.acquire().publish()
        subscriber.next_frame(timeout).release()


@pytest.mark.parametrize("options", [{"pts": -1}, {"pts": 2**63}, {"duration": -5}, {"flags": 2**32}, {"flags": -1}])
def test_numbers_out_of_range_are_named(publish, options):
    """Times and flags that cannot be are InvalidArgument by name."""
    with pytest.raises(cuframes.InvalidArgument, match=next(iter(options))):
        publish(format="GRAY8", width=8, height=8).send(image(), **options)


@pytest.mark.parametrize("stream", [2**70, -(2**70)])
def test_streams_that_cannot_be_are_named(publish, subscribe, stream):
    """A number that is no address is a ValueError wherever a stream is named."""
    publisher = publish(format="GRAY8", width=8, height=8)
    subscriber = subscribe()
    publisher.send(image())
    with subscriber.next_frame(10000) as frame:
        for call in (
            lambda: publisher.send(image(), stream=stream),
            lambda: frame.copy(stream=stream),
            lambda: frame.record_stream(stream),
            lambda: frame.__dlpack__(stream=stream),
        ):
            with pytest.raises(ValueError, match="is no stream|have no stream"):
                call()


def test_a_directory_may_be_bytes(tmp_path, cleanup):
    """As everywhere in Python."""
    path = os.fsencode(tmp_path)
    cleanup.append(cuframes.publish("bytes", directory=path))
    assert [ring.key for ring in cuframes.list(directory=path)] == ["bytes"]


@pytest.mark.parametrize("name, meant", [("RGB24", "rgb24"), ("Nv12", "NV12"), ("grey", "GRAY8"), ("yuvj420p", "I420")])
def test_names_of_formats_elsewhere(publish, key, name, meant):
    """Who says a name of a format that is nearly one learns which is meant, wherever it is said."""
    publisher = publish()
    for attempt in (
        lambda: publisher.send(image(), format=name),
        lambda: publisher.configure(name, 8, 8),
        lambda: cuframes.publish(key + "-other", format=name),
    ):
        with pytest.raises(cuframes.InvalidArgument, match=f'"{name}".*"{meant}"'):
            attempt()


def test_unknown_format_lists_those_there_are(publish):
    """Any other name is answered with the names that there are."""
    with pytest.raises(cuframes.InvalidArgument, match="NV12.*RGBA"):
        publish().configure("rainbow", 8, 8)


def test_acquire_before_the_layout_is_known(key, cleanup):
    """Where nobody said which frames, acquire() says how to in Python's words."""
    publisher = cuframes.publish(key)
    cleanup.append(publisher)
    with pytest.raises(cuframes.InvalidArgument, match=r"configure\(\)") as caught:
        publisher.acquire()
    assert "cuframes_publisher" not in str(caught.value)


def test_copies_and_pickles_are_refused(publish, subscribe):
    """copy.copy() and pickle refuse what belongs to its process, say what to do instead, and end nothing."""
    publisher, subscriber = publish(), subscribe()
    publisher.acquire().publish()
    frame = subscriber.next_frame(timeout_ms=10000)
    slot = publisher.acquire()
    for thing in (publisher, subscriber, frame, frame.planes[0], slot):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=f"{type(thing).__name__} of cuframes"):
                attempt(thing)
    slot.release()
    publisher.acquire().publish()
    subscriber.next_frame(timeout_ms=10000).release()
    assert not frame.released and not publisher.closed


OTHER_INTERPRETER = """
import cuframes
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def make():
    try:
        return interpreters.create("legacy")
    except TypeError:
        return interpreters.create(isolated=False)

other = make()
interpreters.run_string(other, '''
try:
    import cuframes
except ImportError as error:
    print('ImportError', 'main interpreter' in str(error), flush=True)
''')
interpreters.destroy(other)
"""


def test_another_interpreter_is_refused(program):
    """The package says that it works in a process's main interpreter alone, instead of half working in another."""
    assert program(OTHER_INTERPRETER).finish() == (0, "ImportError True\n", "")


FEW_DESCRIPTORS = """
import os, resource, sys
import cuframes
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
failed = done = 0
publisher = cuframes.publish(sys.argv[1], format='GRAY8', width=8, height=8, memory='host')
lowest = max(map(int, os.listdir('/proc/self/fd'))) + 1
for limit in range(lowest, lowest + 40):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    for make in (lambda: cuframes.Subscriber(sys.argv[1]), lambda: cuframes.publish(sys.argv[1] + '-2')):
        try:
            make().close()
        except cuframes.Error:
            failed += 1
        else:
            done += 1
print(failed > 0, done > 0)
publisher.close()
"""


def test_shortage_of_descriptors_is_an_error_of_the_package(program, key):
    """Wherever descriptors run out, what is raised is a cuframes.Error, and things work again when there are some."""
    assert program(FEW_DESCRIPTORS, key).finish() == (0, "True True\n", "")
