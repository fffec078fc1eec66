// SPDX-License-Identifier: LGPL-2.1-or-later
#include "inspect/read_report.h"

#include "base/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace cuframes::core {

namespace {

using Bytes = std::span<const std::byte>;

Error damaged() { return {CUFRAMES_ERROR_PROTOCOL, "the publisher's report is damaged"}; }

/// The beginning of what may be longer or shorter there.
template <class T>
T begin_of(Bytes bytes) {
    T out = {};
    std::memcpy(&out, bytes.data(), std::min(bytes.size(), sizeof(T)));
    return out;
}

/// Of the C ABI: `struct_size` says how much of it there is.
template <class T>
T struct_of(Bytes bytes) {
    T out = begin_of<T>(bytes);
    out.struct_size = static_cast<uint32_t>(std::min(bytes.size(), sizeof(T)));
    return out;
}

template <size_t size>
std::string text_of(const char (&text)[size]) {
    return valid_utf8({text, ::strnlen(text, size)}, size);
}

template <size_t size>
void make_text(char (&target)[size]) {
    const std::string valid = text_of(target);
    copy_text(target, valid);
}

std::string text_of(Bytes bytes) {
    return valid_utf8({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, bytes.size());
}

/// Whoever reads them may take them for what they are called.
bool is_sound(const ReadReport& report) {
    const ReportFacts& facts = report.facts;
    return facts.content <= CUFRAMES_CONTENT_UNDECIDED && facts.policy <= CUFRAMES_POLICY_WAIT &&
           facts.stream <= static_cast<uint32_t>(ReportedStream::ended) &&
           (facts.memory == 0 || facts.memory == CUFRAMES_MEMORY_HOST || facts.memory == CUFRAMES_MEMORY_CUDA);
}

/// Before it is one: to look at an enum that is none is undefined.
bool is_sound_subscriber(Bytes bytes) {
    uint32_t mode = 0;
    static_assert(offsetof(cuframes_subscriber_info, mode) + sizeof(mode) <= shortest_subscriber);
    if (bytes.size() < shortest_subscriber) {
        return false;
    }
    std::memcpy(&mode, bytes.data() + offsetof(cuframes_subscriber_info, mode), sizeof(mode));
    return mode <= CUFRAMES_MODE_STRICT;
}

void take(ReadReport& report, ReportKind kind, Bytes bytes) {
    switch (kind) {
    case ReportKind::facts:
        report.facts = begin_of<ReportFacts>(bytes);
        report.program = text_of(report.facts.program);
        break;
    case ReportKind::stats:
        report.stats = struct_of<cuframes_publisher_stats>(bytes);
        break;
    case ReportKind::subscriber:
        report.subscribers.push_back(struct_of<cuframes_subscriber_info>(bytes));
        make_text(report.subscribers.back().name);
        break;
    case ReportKind::caps:
        report.caps = text_of(bytes);
        break;
    case ReportKind::geometry:
        report.geometry = struct_of<cuframes_geometry>(bytes);
        make_text(report.geometry->format);
        break;
    case ReportKind::window:
        report.window = struct_of<cuframes_packet_window>(bytes);
        break;
    }
}

} // namespace

Result<ReadReport> read_report(Bytes bytes) {
    ReadReport report;
    bool has_facts = false;
    while (!bytes.empty()) {
        if (bytes.size() < sizeof(ReportPart)) {
            return damaged();
        }
        const auto part = begin_of<ReportPart>(bytes);
        const uint64_t room = report_room(part.size);
        const auto kind = static_cast<ReportKind>(part.kind);
        if (room > bytes.size()) {
            return damaged();
        }
        const Bytes value = bytes.subspan(sizeof(ReportPart), part.size);
        if (kind == ReportKind::subscriber && !is_sound_subscriber(value)) {
            return damaged();
        }
        has_facts = has_facts || kind == ReportKind::facts;
        take(report, kind, value);
        bytes = bytes.subspan(room);
    }
    return has_facts && is_sound(report) ? Result<ReadReport>(std::move(report)) : damaged();
}

} // namespace cuframes::core
