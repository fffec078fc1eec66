// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>

namespace fake_cuda {

constexpr int max_devices = 4;

// First driver that knows cuCtxRecordEvent and cuCtxWaitEvent.
constexpr int context_events_version = 12050;

// The knobs of README.md, read from the environment once per process.
struct Config {
    int devices = 1;
    bool peer_access = true;
    std::atomic<uint64_t> delay_us = 200;
    uint64_t seed = 1;
    int driver_version = 13000;
    bool no_vmm = false;
    bool no_memops = false;
    bool no_device = false;
};

Config& config();

} // namespace fake_cuda
