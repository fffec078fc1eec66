# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exceptions: one family, classes by what the caller can do, and messages that name the thing and the way
out."""

import pickle

import pytest

import cuframes

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


def test_aliases_of_classes():
    """CuframesSubscriber and CuframesFrame are Subscriber and Frame."""
    assert cuframes.CuframesSubscriber is cuframes.Subscriber
    assert cuframes.CuframesFrame is cuframes.Frame


def test_code_and_name(key):
    """An exception carries the C library's error code and its name; 0 where the failure is the package's
    own."""
    for make, name in (
        (lambda: cuframes.publish("a/b"), "CUFRAMES_ERROR_INVALID_KEY"),
        (lambda: cuframes.Subscriber(key, on_gone="panic"), "CUFRAMES_OK"),
    ):
        with pytest.raises(cuframes.InvalidArgument) as caught:
            make()
        assert caught.value.name == name and (caught.value.code < 0) == (name != "CUFRAMES_OK")


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
