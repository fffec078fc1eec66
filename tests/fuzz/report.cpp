// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a publisher reports of itself, as who asked reads it. Input: the report.
#include "publisher/report.h"

#include "base/utf8.h"
#include "fuzz.h"
#include "inspect/read_report.h"
#include "sound.h"

#include <unistd.h>

#include <cstring>
#include <memory>

using namespace cuframes::core;
using namespace cuframes::fuzz;

namespace {

template <size_t size>
bool is_text(const char (&text)[size]) {
    const size_t length = ::strnlen(text, size);
    return length < size && is_utf8({text, length});
}

void check(const ReadReport& report, size_t size) {
    must(is_utf8(report.program) && is_utf8(report.caps), "text that is none");
    must(report.facts.content <= CUFRAMES_CONTENT_UNDECIDED && report.facts.policy <= CUFRAMES_POLICY_WAIT,
         "a name that is not in the list");
    must(!report.geometry || is_text(report.geometry->format), "a format that is no text");
    for (const cuframes_subscriber_info& one : report.subscribers) {
        must(is_text(one.name), "a name that is no text");
        must(one.struct_size <= sizeof(one), "a struct that is larger than ours");
        must(one.mode == CUFRAMES_MODE_NEWEST || one.mode == CUFRAMES_MODE_STRICT, "a mode that is none");
    }
    must(report.subscribers.size() * shortest_subscriber <= size, "more than was reported");
}

/// As publishers make it.
Bytes sound(uint32_t subscribers, bool packets) {
    Report report;
    report.facts.content = packets ? CUFRAMES_CONTENT_PACKETS : CUFRAMES_CONTENT_FRAMES;
    report.facts.memory = packets ? 0 : CUFRAMES_MEMORY_HOST;
    copy_text(report.facts.program, "fuzz");
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    report.add(ReportKind::stats, stats);
    report.add_text(ReportKind::caps, "video/x-raw");
    if (packets) {
        cuframes_packet_window window;
        CUFRAMES_INIT(window);
        report.add(ReportKind::window, window);
    } else {
        report.add(ReportKind::geometry, one_plane(64, 48));
    }
    for (uint32_t i = 0; i < subscribers; ++i) {
        cuframes_subscriber_info info;
        CUFRAMES_INIT(info);
        copy_text(info.name, "viewer");
        report.add(ReportKind::subscriber, info);
    }
    auto sealed = report.seal();
    must(static_cast<bool>(sealed), "no memory for a report");
    Bytes out(sealed->size);
    must(::pread(sealed->fd.get(), out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()), "no report to read");
    return out;
}

} // namespace

std::vector<Bytes> cuframes::fuzz::corpus() { return {sound(0, false), sound(3, false), sound(2, true)}; }

void cuframes::fuzz::finish() {}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // Exactly as large as it says, so that sanitizers see what reads beyond it.
    const auto bytes = std::make_unique<std::byte[]>(size);
    if (size > 0) {
        std::memcpy(bytes.get(), data, size);
    }
    if (auto report = read_report({bytes.get(), size})) {
        check(*report, size);
        got_through();
    }
    return 0;
}
