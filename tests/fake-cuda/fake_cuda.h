/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the stand-in libcuda.so.1 tells a test beyond the CUDA driver API.
 *
 * A real driver has none of these symbols: look them up with dlsym() in the libcuda.so.1 that the
 * process has loaded, and take their absence as "this is a real GPU". Everything here may be called
 * from any thread at any time, before cuInit() and without a current context. */

#include <stdint.h>

#define FAKE_CUDA_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* Objects that are alive now. After a clean shutdown every member is zero. */
typedef struct FakeCudaStats {
    uint64_t contexts; /* created ones, and primary ones while retained */
    uint64_t streams;
    uint64_t events;
    uint64_t allocations; /* cuMemAlloc, cuMemAllocPitch, cuMemAllocAsync */
    uint64_t allocation_bytes;
    uint64_t host_allocations; /* cuMemAllocHost, cuMemHostAlloc */
    uint64_t host_allocation_bytes;
    uint64_t host_registrations; /* cuMemHostRegister */
    uint64_t vmm_handles;        /* references not yet given back with cuMemRelease */
    uint64_t vmm_bytes;          /* physical memory still alive through a handle or a mapping */
    uint64_t reservations;       /* cuMemAddressReserve */
    uint64_t mappings;           /* cuMemMap */
    uint64_t pools;              /* cuMemPoolCreate; default pools are not counted */
    uint64_t graphs;             /* ended captures, and what was instantiated of them */
} FakeCudaStats;

/* Transfers accepted since the start or the last reset, by direction. Pinned and registered host
 * memory counts as host. A path that claims to copy nothing leaves the first three at zero. */
typedef struct FakeCudaCopies {
    uint64_t device_to_device;
    uint64_t device_to_device_bytes;
    uint64_t host_to_device;
    uint64_t host_to_device_bytes;
    uint64_t device_to_host;
    uint64_t device_to_host_bytes;
    uint64_t host_to_host;
    uint64_t host_to_host_bytes;
    uint64_t fills; /* cuMemset* */
    uint64_t fill_bytes;
} FakeCudaCopies;

FAKE_CUDA_API void fake_cuda_stats(FakeCudaStats* out);
FAKE_CUDA_API void fake_cuda_copies(FakeCudaCopies* out);
FAKE_CUDA_API void fake_cuda_reset_copies(void);

/* How often `call` was made. Suffixes do not matter: "cuMemAlloc" counts cuMemAlloc_v2 too. */
FAKE_CUDA_API uint64_t fake_cuda_calls(const char* call);

/* Makes the `nth` invocation from now on (1 is the next) of `call` return `error`, a CUresult.
 * With nth 0 every invocation fails until fake_cuda_clear_faults(). */
FAKE_CUDA_API void fake_cuda_fail(const char* call, uint64_t nth, int error);
FAKE_CUDA_API void fake_cuda_clear_faults(void);

/* Calls that threads made without relaxed capture mode while another thread captured a graph in global mode. Only some of
 * them break the capture; a library that lives in other people's processes makes none. */
FAKE_CUDA_API uint64_t fake_cuda_unguarded_calls(void);

/* Replaces FAKE_CUDA_DELAY_US for operations that start from now on. */
FAKE_CUDA_API void fake_cuda_set_delay_us(uint64_t microseconds);

#ifdef __cplusplus
}
#endif
