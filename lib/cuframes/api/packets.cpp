// SPDX-License-Identifier: LGPL-2.1-or-later
/// What is of packets only.
#include "api/publisher_handle.h"
#include "api/subscriber_handle.h"
#include "base/clock.h"
#include "base/optional_number.h"
#include "base/utf8.h"

using namespace cuframes::core;

namespace {

// A packet is its own handle: they are made and freed as they come.
PacketCopy* from_handle(cuframes_packet* packet) { return reinterpret_cast<PacketCopy*>(packet); }

const PacketCopy* from_handle(const cuframes_packet* packet) { return reinterpret_cast<const PacketCopy*>(packet); }

Result<std::string> read_caps(const char* caps) {
    std::string out = caps ? caps : "";
    if (out.size() > max_caps_size) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("the caps have ", out.size(), " bytes; at most ", max_caps_size, " are possible")};
    }
    if (!is_utf8(out)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, "the caps are not UTF-8"};
    }
    return out;
}

Result<PacketInput> read_packet(const void* data, size_t size, const cuframes_packet_info* given) {
    auto info = api::versioned(given, "info");
    if (!info) {
        return info.error();
    }
    if (!data && size > 0) {
        return api::null_error("data");
    }
    if (info->metadata_size > max_metadata_size || (!info->metadata && info->metadata_size > 0)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("metadata of ", info->metadata_size, " bytes is too large, or NULL")};
    }
    PacketInput out = {};
    out.data = data;
    // What does not fit into 32 bits does not fit into any log either.
    out.size = static_cast<uint32_t>(std::min<size_t>(size, PacketEntry::nothing));
    out.metadata = info->metadata;
    out.metadata_size = static_cast<uint32_t>(info->metadata_size);
    out.flags = info->flags;
    out.delta = info->delta;
    out.pts = number_or_none(info->pts);
    out.dts = number_or_none(info->dts);
    out.duration = number_or_none(info->duration);
    out.publish_time = monotonic_ns();
    return out;
}

} // namespace

extern "C" {

int cuframes_publisher_set_caps(cuframes_publisher* publisher, const char* caps) {
    return api::call_packets(publisher, api::Undecided::decides, [&](PacketPublisher& p) {
        auto read = read_caps(caps);
        return read ? api::finish(p.set_caps(*read)) : api::fail(read.error());
    });
}

int cuframes_publisher_publish_packet(cuframes_publisher* publisher, const void* data, size_t size,
                                      const cuframes_packet_info* info) {
    return api::call_packets(publisher, api::Undecided::is_refused, [&](PacketPublisher& p) {
        auto packet = read_packet(data, size, info);
        return packet ? api::finish(p.publish(*packet)) : api::fail(packet.error());
    });
}

int cuframes_publisher_get_packet_window(cuframes_publisher* publisher, cuframes_packet_window* window) {
    return api::call_packets(publisher, api::Undecided::is_refused,
                             [&](PacketPublisher& p) { return api::fill(window, p.window(), "window"); });
}

int cuframes_subscriber_next_packet(cuframes_subscriber* subscriber, int64_t timeout_ms, cuframes_packet** packet) {
    if (packet) {
        *packet = nullptr;
    }
    return api::call_packets(subscriber, [&](PacketSubscriber& s) {
        if (!packet) {
            return api::fail(api::null_error("packet"));
        }
        auto got = s.next(timeout_ms);
        if (!got) {
            return api::fail(got.error());
        }
        *packet = reinterpret_cast<cuframes_packet*>(*got);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_subscriber_get_packet_window(cuframes_subscriber* subscriber, cuframes_packet_window* window) {
    return api::call_packets(subscriber, [&](PacketSubscriber& s) {
        auto got = s.window();
        return got ? api::fill(window, *got, "window") : api::fail(got.error());
    });
}

const cuframes_packet_view* cuframes_packet_get(const cuframes_packet* packet) { return &from_handle(packet)->view(); }

cuframes_packet* cuframes_packet_ref(cuframes_packet* packet) {
    from_handle(packet)->ref();
    return packet;
}

void cuframes_packet_unref(cuframes_packet* packet) {
    if (packet) {
        from_handle(packet)->unref();
    }
}

} // extern "C"
