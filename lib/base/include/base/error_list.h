// SPDX-License-Identifier: LGPL-2.1-or-later
/// What is said of each error in one place: name, Python's exception class, and the general sentence. To add one: its
/// enumerator in cuframes.h, a row here, a class in errors.py if none fits, and the row of
/// docs/howto/see-what-happens.md that a test then asks for. An enumerator without a row does not compile.
#pragma once

#include <cuframes/cuframes.h>

// clang-format off
#define CUFRAMES_ERROR_LIST(X) \
    X(INVALID_ARGUMENT, InvalidArgument, "An argument is missing, out of range or contradicts another.") \
    X(INVALID_KEY, InvalidArgument, "The key is empty, too long or has a character that is not allowed.") \
    X(DIRECTORY, ShmError, "The socket directory cannot be made, written or trusted.") \
    X(PATH_TOO_LONG, ShmError, "Directory and key do not fit a Unix socket address.") \
    X(KEY_IN_USE, KeyInUse, "A live publisher holds the key.") \
    X(ACCESS_DENIED, AccessDenied, "The publisher's access rule does not admit this user.") \
    X(VERSION_MISMATCH, ProtocolMismatch, "The peer speaks another protocol version.") \
    X(RING_FULL, RingFull, "Granting the asked leases would starve the ring; it needs more slots.") \
    X(TOO_MANY_SUBSCRIBERS, RingFull, "The publisher has as many subscribers as it allows.") \
    X(NO_FREE_SLOT, NoFreeSlot, "Every slot is leased by a reader or held by the producer.") \
    X(TIMEOUT, FrameTimeout, "Nothing arrived in the time given.") \
    X(INTERRUPTED, Closed, "The handle was set interrupted by another thread.") \
    X(EOS, EndOfStream, "The publisher ended its stream and every frame before was delivered.") \
    X(PUBLISHER_GONE, PublisherGone, "The publisher died or closed without ending its stream.") \
    X(LEASES_EXHAUSTED, LeasesExhausted, "All granted leases are held.") \
    X(NO_DRIVER, DeviceLost, "The CUDA driver cannot be loaded or has no device.") \
    X(UNKNOWN_DEVICE, DeviceLost, "There is no such GPU in this process.") \
    X(NO_GPU_SHARING, DeviceLost, "GPU memory cannot be shared between processes here.") \
    X(DEVICE_MISMATCH, DeviceLost, "The ring lies on a GPU that this one cannot read.") \
    X(CUDA, DeviceLost, "The CUDA driver refused a call.") \
    X(NO_MEMORY, OutOfMemory, "Host or GPU memory could not be had.") \
    X(PROTOCOL, ProtocolMismatch, "The peer sent something malformed.") \
    X(SYSTEM, ShmError, "A system call failed.") \
    X(FORKED, Forked, "The handle was made in another process, before fork().") \
    X(INVALID_STATE, InvalidArgument, "The call does not fit the handle's state.") \
    X(OTHER_CONTENT, OtherContent, "The key carries another content.")
// clang-format on

namespace cuframes::core {

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"
constexpr bool is_listed(cuframes_error error) {
    switch (error) {
    case CUFRAMES_OK:
        return false;
#define CUFRAMES_ERROR_CASE(name, python, sentence) case CUFRAMES_ERROR_##name:
        CUFRAMES_ERROR_LIST(CUFRAMES_ERROR_CASE)
#undef CUFRAMES_ERROR_CASE
        return true;
    }
    return false;
}
#pragma GCC diagnostic pop

} // namespace cuframes::core
