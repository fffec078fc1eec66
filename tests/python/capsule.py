# SPDX-License-Identifier: LGPL-2.1-or-later
"""DLPack by hand: reads what a producer hands out and makes what a consumer is handed, byte by byte.

Real consumers hide what the protocol says (numpy drops flags, torch ignores byte_offset), and none takes
"GPU" memory of the stand-in driver; these structs show everything.
"""

import ctypes
import threading

import numpy

CPU, CUDA = 1, 2
READ_ONLY, IS_COPIED = 1, 2
UINT = 1

_void = ctypes.c_void_p
_api = ctypes.pythonapi


def _prototype(name, result, *arguments):
    function = getattr(_api, name)
    function.restype, function.argtypes = result, arguments
    return function


_get_pointer = _prototype("PyCapsule_GetPointer", _void, ctypes.py_object, ctypes.c_char_p)
_get_name = _prototype("PyCapsule_GetName", ctypes.c_char_p, ctypes.py_object)
_set_name = _prototype("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_new = _prototype("PyCapsule_New", ctypes.py_object, _void, ctypes.c_char_p, _void)
# By address, for a destructor: the capsule's reference count is zero there, so it must not become an object
# again.
_name_of_address = ctypes.PYFUNCTYPE(ctypes.c_char_p, _void)(("PyCapsule_GetName", _api))
_pointer_of_address = ctypes.PYFUNCTYPE(_void, _void, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", _void),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


DELETER = ctypes.CFUNCTYPE(None, _void)


class Legacy(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("manager", _void), ("deleter", _void)]


class Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", _void),
        ("deleter", _void),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


NAMES = {Legacy: b"dltensor", Versioned: b"dltensor_versioned"}


@ctypes.PYFUNCTYPE(None, _void)
def _destructor(address):
    """A capsule that nobody consumed frees its tensor."""
    name = _name_of_address(address)
    for kind, unused in NAMES.items():
        if name == unused:
            pointer = _pointer_of_address(address, unused)
            DELETER(kind.from_address(pointer).deleter)(pointer)


def name_of(capsule):
    return _get_name(capsule).decode()


def await_gpu(device):
    """Waits for everything that is queued on a GPU; copies are, until then, only on their way."""
    driver = ctypes.CDLL("libcuda.so.1")
    context = _void()
    assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) == 0
    assert driver.cuCtxPushCurrent_v2(context) == 0
    assert driver.cuCtxSynchronize() == 0
    driver.cuCtxPopCurrent_v2(ctypes.byref(context))
    driver.cuDevicePrimaryCtxRelease_v2(device)


class Taken:
    """A tensor taken from a capsule as a consumer does it: renamed, and ended by delete()."""

    def __init__(self, capsule):
        self.name = name_of(capsule)
        self.kind = {name.decode(): kind for kind, name in NAMES.items()}[self.name]
        self.address = _get_pointer(capsule, NAMES[self.kind])
        self.struct = self.kind.from_address(self.address)
        self._used = b"used_" + NAMES[self.kind]
        assert _set_name(capsule, self._used) == 0
        # Kept, because a capsule's name must live as long as the capsule.
        self.capsule = capsule
        tensor = self.struct.tensor
        self.versioned = self.kind is Versioned
        self.version = (self.struct.major, self.struct.minor) if self.versioned else None
        self.flags = self.struct.flags if self.versioned else None
        self.device = (tensor.device_type, tensor.device_id)
        self.data = tensor.data
        self.byte_offset = tensor.byte_offset
        self.dtype = (tensor.code, tensor.bits, tensor.lanes)
        self.shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
        self.strides = tuple(tensor.strides[i] for i in range(tensor.ndim)) if tensor.strides else None

    def array(self):
        """The elements where they are. "GPU" memory too: that of the stand-in driver lies in host memory,
        which shows what is done, not what is queued; so all of it is awaited."""
        if self.device[0] == CUDA:
            await_gpu(self.device[1])
        itemsize = self.dtype[1] // 8
        span = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides)) + 1
        memory = (ctypes.c_uint8 * (span * itemsize)).from_address(self.data + self.byte_offset)
        flat = numpy.frombuffer(memory, f"u{itemsize}")
        return numpy.lib.stride_tricks.as_strided(
            flat, self.shape, [stride * itemsize for stride in self.strides], writeable=False
        )

    def delete(self):
        """Without the interpreter lock, as a consumer's own thread would."""
        if self.struct is not None:
            self.struct = None
            # A pointer kept by ctypes as CFUNCTYPE releases the lock around the call.
            kind_deleter = self.kind.from_address(self.address).deleter
            DELETER(kind_deleter)(self.address)

    def delete_on_a_thread(self):
        thread = threading.Thread(target=self.delete)
        thread.start()
        thread.join()


def take(producer, **arguments):
    """Asks `producer` for a capsule and takes it."""
    return Taken(producer.__dlpack__(**arguments))


def values(producer, **arguments):
    """A copy of the elements, with everything given back."""
    taken = take(producer, **arguments)
    try:
        return taken.array().copy()
    finally:
        taken.delete()


# Producers live as long as the program: whoever has a tensor of theirs may call the deleter at any time.
_producers = []


class Producer:
    """A tensor of another library, with every field ours to set. Counts how often its deleter ran."""

    def __init__(
        self,
        array,
        *,
        versioned=False,
        flags=0,
        device=(CPU, 0),
        strides=None,
        shape=None,
        bits=None,
        code=UINT,
        byte_offset=0,
        version=(1, 0),
        no_strides=False,
    ):
        self.array = array
        self.device = device
        self.deleted = 0
        self.deleter_threads = []
        self.asked = []
        self._versioned = versioned
        self._flags = flags
        self._version = version
        self._shape = tuple(shape if shape is not None else array.shape)
        self._strides = tuple(strides if strides is not None else (s // array.itemsize for s in array.strides))
        self._no_strides = no_strides
        self._bits = bits or array.itemsize * 8
        self._code = code
        self._byte_offset = byte_offset
        self._keep = []
        self._deleter = DELETER(self._delete)
        _producers.append(self)

    def _delete(self, _address):
        self.deleted += 1
        self.deleter_threads.append(threading.get_ident())

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **arguments):
        self.asked.append(arguments)
        return self.capsule()

    def capsule(self):
        kind = Versioned if self._versioned else Legacy
        struct = kind()
        self._fill(struct.tensor)
        struct.deleter = ctypes.cast(self._deleter, _void).value
        if self._versioned:
            struct.major, struct.minor = self._version
            struct.flags = self._flags
        self._keep.append(struct)
        return _new(ctypes.addressof(struct), NAMES[kind], ctypes.cast(_destructor, _void).value)

    def _fill(self, tensor):
        count = len(self._shape)
        shape = (ctypes.c_int64 * count)(*self._shape)
        strides = (ctypes.c_int64 * count)(*self._strides)
        self._keep += [shape, strides]
        tensor.data = self.array.ctypes.data - self._byte_offset
        tensor.byte_offset = self._byte_offset
        tensor.device_type, tensor.device_id = self.device
        tensor.ndim = count
        tensor.code, tensor.bits, tensor.lanes = self._code, self._bits, 1
        tensor.shape = shape
        if not self._no_strides:
            tensor.strides = strides
