// SPDX-License-Identifier: LGPL-2.1-or-later
//
// cuframes.h is plain C: it compiles by itself under every standard and warning that the build asks of it.
#include <cuframes/cuframes.h>

int main(void) {
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    // What GStreamer and others call "none" is what a zeroed struct says, and 0 is a value.
    if (cuframes_some(CUFRAMES_TIME_NONE).plus_one != 0 || cuframes_some(0).plus_one == 0) {
        return 1;
    }
    // The size of a struct is its version: a header that changes it without growing it would not be noticed.
    return options.struct_size == sizeof(options) && cuframes_protocol_version() > 0 ? 0 : 1;
}
