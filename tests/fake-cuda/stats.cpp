// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fake_cuda.h"
#include "graph.h"
#include "pool.h"
#include "transfer.h"
#include "vmm.h"

#include <mutex>

namespace fake_cuda {
namespace {

struct Ledger {
    std::mutex mutex;
    FakeCudaCopies copies = {};
};

Ledger& ledger() {
    static Ledger* const instance = new Ledger;
    return *instance;
}

void count_objects(FakeCudaStats& out) {
    Driver& d = driver();
    std::lock_guard lock(d.mutex);
    out.contexts = d.contexts.size();
    out.streams = d.streams.size();
    out.events = d.events.size();
    out.graphs = live_graphs();
}

void count_range(FakeCudaStats& out, const Range& range) {
    switch (range.kind) {
    case RangeKind::device:
        ++out.allocations;
        out.allocation_bytes += range.size;
        break;
    case RangeKind::pinned:
        ++out.host_allocations;
        out.host_allocation_bytes += range.size;
        break;
    case RangeKind::registered:
        ++out.host_registrations;
        break;
    case RangeKind::mapping:
        ++out.mappings;
        break;
    }
}

void count_memory(FakeCudaStats& out) {
    AddressMap& map = address_map();
    std::shared_lock lock(map.mutex);
    for (const auto& [base, range] : map.ranges) {
        count_range(out, range);
    }
    for (const auto& [handle, allocation] : map.handles) {
        out.vmm_handles += allocation->handle_references;
    }
    out.reservations = map.reservations.size();
    out.vmm_bytes = live_vmm_bytes();
}

} // namespace

void count_copy(bool from_device, bool to_device, size_t bytes) {
    Ledger& l = ledger();
    std::lock_guard lock(l.mutex);
    FakeCudaCopies& c = l.copies;
    uint64_t& number = from_device ? (to_device ? c.device_to_device : c.device_to_host)
                                   : (to_device ? c.host_to_device : c.host_to_host);
    uint64_t& total = from_device ? (to_device ? c.device_to_device_bytes : c.device_to_host_bytes)
                                  : (to_device ? c.host_to_device_bytes : c.host_to_host_bytes);
    ++number;
    total += bytes;
}

void count_fill(size_t bytes) {
    Ledger& l = ledger();
    std::lock_guard lock(l.mutex);
    ++l.copies.fills;
    l.copies.fill_bytes += bytes;
}

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" void fake_cuda_stats(FakeCudaStats* out) {
    *out = {};
    count_objects(*out);
    count_memory(*out);
    out->pools = created_pools();
}

extern "C" void fake_cuda_copies(FakeCudaCopies* out) {
    Ledger& l = ledger();
    std::lock_guard lock(l.mutex);
    *out = l.copies;
}

extern "C" void fake_cuda_reset_copies(void) {
    Ledger& l = ledger();
    std::lock_guard lock(l.mutex);
    l.copies = {};
}
