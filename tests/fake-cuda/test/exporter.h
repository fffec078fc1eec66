// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <sys/types.h>

namespace fake_cuda_test {

constexpr unsigned char exported_byte = 0x5a;

struct Exporter {
    pid_t pid = -1;
    int memory_fd = -1; // the caller's
};

// Starts this program again as a process that fills GPU memory with exported_byte, sends it here
// and then sleeps until it is killed.
Exporter start_exporter();

// That process: what main() runs when it finds itself started by start_exporter().
int run_exporter(int socket);

} // namespace fake_cuda_test
