// SPDX-License-Identifier: LGPL-2.1-or-later
#include "knobs.h"

#include <algorithm>
#include <cstdlib>

namespace fake_cuda {
namespace {

uint64_t number_from(const char* variable, uint64_t fallback) {
    const char* text = std::getenv(variable);
    if (text == nullptr || *text == '\0') {
        return fallback;
    }
    char* end = nullptr;
    const uint64_t value = std::strtoull(text, &end, 10);
    return *end == '\0' ? value : fallback;
}

bool flag_from(const char* variable, bool fallback) { return number_from(variable, fallback ? 1 : 0) != 0; }

} // namespace

Config& config() {
    // Never destroyed: stream workers read it until the process is gone.
    static Config* const instance = [] {
        auto* c = new Config;
        c->devices = static_cast<int>(std::clamp<uint64_t>(number_from("FAKE_CUDA_DEVICES", 1), 1, max_devices));
        c->peer_access = flag_from("FAKE_CUDA_PEER", true);
        c->delay_us = number_from("FAKE_CUDA_DELAY_US", 200);
        c->seed = number_from("FAKE_CUDA_SEED", 1);
        c->driver_version = static_cast<int>(number_from("FAKE_CUDA_DRIVER_VERSION", 13000));
        c->no_vmm = flag_from("FAKE_CUDA_NO_VMM", false);
        c->no_memops = flag_from("FAKE_CUDA_NO_MEMOPS", false);
        c->no_device = flag_from("FAKE_CUDA_NO_DEVICE", false);
        return c;
    }();
    return *instance;
}

} // namespace fake_cuda
