// SPDX-License-Identifier: LGPL-2.1-or-later
#include "faults.h"

#include "errors.h"
#include "fake_cuda.h"
#include "knobs.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>

namespace fake_cuda {
namespace {

struct Fault {
    std::string call;
    uint64_t nth; // in invocations since the process started; 0: every one
    CUresult error;
};

// Its own lock, because calls are counted before anything else of the driver is touched.
struct CallBook {
    std::mutex mutex;
    std::map<std::string, uint64_t, std::less<>> counts;
    std::vector<Fault> faults;
};

// FAKE_CUDA_FAIL=<call>:<n>[:<error>][,…]; n = 0 means every invocation.
std::vector<Fault> faults_from_environment() {
    std::vector<Fault> faults;
    const char* text = std::getenv("FAKE_CUDA_FAIL");
    std::istringstream list(text != nullptr ? text : "");
    for (std::string item; std::getline(list, item, ',');) {
        std::istringstream fields(item);
        std::string call, nth, error;
        std::getline(fields, call, ':');
        std::getline(fields, nth, ':');
        std::getline(fields, error, ':');
        faults.push_back({std::string(base_name(call)), std::strtoull(nth.c_str(), nullptr, 10),
                          parse_error(error, CUDA_ERROR_UNKNOWN)});
    }
    return faults;
}

CallBook& book() {
    static CallBook* const instance = [] {
        auto* b = new CallBook;
        b->faults = faults_from_environment();
        return b;
    }();
    return *instance;
}

uint64_t count_of(const CallBook& b, std::string_view base) {
    const auto it = b.counts.find(base);
    return it == b.counts.end() ? 0 : it->second;
}

} // namespace

std::string_view base_name(std::string_view call) {
    const auto at = call.rfind("_v");
    const bool versioned = at != std::string_view::npos && at + 2 < call.size() &&
                           std::all_of(call.begin() + static_cast<ptrdiff_t>(at) + 2, call.end(),
                                       [](unsigned char c) { return std::isdigit(c) != 0; });
    return versioned ? call.substr(0, at) : call;
}

CUresult parse_error(const std::string& text, CUresult fallback) {
    if (text.empty()) {
        return fallback;
    }
    if (std::isdigit(static_cast<unsigned char>(text[0])) != 0) {
        return static_cast<CUresult>(std::atoi(text.c_str()));
    }
    return error_by_name(text).value_or(fallback);
}

CUresult count_and_fault(std::string_view call) {
    CallBook& b = book();
    const std::string_view base = base_name(call);
    std::lock_guard lock(b.mutex);
    auto it = b.counts.find(base);
    if (it == b.counts.end()) {
        it = b.counts.emplace(std::string(base), 0).first;
    }
    const uint64_t invocation = ++it->second;
    for (const Fault& fault : b.faults) {
        if (fault.call == base && (fault.nth == 0 || fault.nth == invocation)) {
            return fault.error;
        }
    }
    return CUDA_SUCCESS;
}

} // namespace fake_cuda

using namespace fake_cuda;

extern "C" {

uint64_t fake_cuda_calls(const char* call) {
    CallBook& b = book();
    std::lock_guard lock(b.mutex);
    return count_of(b, base_name(call));
}

void fake_cuda_fail(const char* call, uint64_t nth, int error) {
    CallBook& b = book();
    const std::string base(base_name(call));
    std::lock_guard lock(b.mutex);
    const uint64_t absolute = nth == 0 ? 0 : count_of(b, base) + nth;
    b.faults.push_back({base, absolute, static_cast<CUresult>(error)});
}

void fake_cuda_clear_faults(void) {
    CallBook& b = book();
    std::lock_guard lock(b.mutex);
    b.faults.clear();
}

void fake_cuda_set_delay_us(uint64_t microseconds) { config().delay_us = microseconds; }
}
