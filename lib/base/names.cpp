// SPDX-License-Identifier: LGPL-2.1-or-later
/// What values are called where people or programs read words: in the log, in the elements' structures, in Python.
#include <cuframes/cuframes.h>

extern "C" {

const char* cuframes_mode_name(cuframes_mode mode) {
    switch (mode) {
    case CUFRAMES_MODE_NEWEST:
        return "newest";
    case CUFRAMES_MODE_STRICT:
        return "strict";
    }
    return "unknown";
}

const char* cuframes_leave_reason_name(cuframes_leave_reason reason) {
    switch (reason) {
    case CUFRAMES_LEFT_CLOSED:
        return "closed";
    case CUFRAMES_LEFT_DIED:
        return "died";
    case CUFRAMES_LEFT_PROTOCOL:
        return "protocol";
    }
    return "unknown";
}

const char* cuframes_state_name(cuframes_subscriber_state state) {
    switch (state) {
    case CUFRAMES_STATE_WAITING:
        return "waiting";
    case CUFRAMES_STATE_ATTACHED:
        return "attached";
    case CUFRAMES_STATE_ENDED:
        return "ended";
    case CUFRAMES_STATE_GONE:
        return "gone";
    }
    return "unknown";
}

const char* cuframes_ring_state_name(cuframes_ring_state state) {
    switch (state) {
    case CUFRAMES_RING_LIVE:
        return "live";
    case CUFRAMES_RING_WAITING:
        return "waiting";
    case CUFRAMES_RING_ENDED:
        return "ended";
    case CUFRAMES_RING_DEAD:
        return "dead";
    case CUFRAMES_RING_SILENT:
        return "silent";
    case CUFRAMES_RING_REFUSED:
        return "refused";
    }
    return "unknown";
}

} // extern "C"
