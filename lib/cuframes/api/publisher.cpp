// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/publisher_handle.h"
#include "base/utf8.h"
#include "protocol/validate.h"
#include "publisher/frame_ring/slot.h"

#include <algorithm>

using namespace cuframes::core;
using api::check;

/// A producer's hold on a slot.
struct cuframes_slot {
    std::unique_ptr<Slot> impl;
    uint32_t forks = fork_count();
};

namespace {

Result<MembershipOptions> read_membership(const cuframes_publisher_options& o) {
    if (auto key = check_key(o.key); !key) {
        return key.error();
    }
    auto access = AccessRule::parse(o.access);
    if (!access) {
        return access.error();
    }
    if (o.policy != CUFRAMES_POLICY_DROP && o.policy != CUFRAMES_POLICY_WAIT) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("policy ", static_cast<int>(o.policy), " is not known")};
    }
    return MembershipOptions{o.key,
                             o.directory && *o.directory ? o.directory : default_directory(),
                             std::move(*access),
                             o.policy,
                             o.wait_timeout_ms ? o.wait_timeout_ms : CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS,
                             o.max_subscribers ? o.max_subscribers : CUFRAMES_DEFAULT_MAX_SUBSCRIBERS,
                             o.on_subscriber_added,
                             o.on_subscriber_removed,
                             o.user_data};
}

Result<RingOptions> read_ring(const cuframes_publisher_options& o) {
    if (o.slots && (o.slots < CUFRAMES_MIN_RING_SLOTS || o.slots > CUFRAMES_MAX_RING_SLOTS)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("slots=", o.slots, " is out of range; use ", CUFRAMES_MIN_RING_SLOTS, " to ",
                          CUFRAMES_MAX_RING_SLOTS, ", or 0 for a ring that grows by itself")};
    }
    if (o.max_slots && (o.max_slots < CUFRAMES_MIN_RING_SLOTS || o.max_slots > CUFRAMES_MAX_RING_SLOTS)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("max-slots=", o.max_slots, " is out of range; use ",
                                                           CUFRAMES_MIN_RING_SLOTS, " to ", CUFRAMES_MAX_RING_SLOTS)};
    }
    const uint32_t most = o.slots ? o.slots : o.max_slots ? o.max_slots : CUFRAMES_DEFAULT_MAX_SLOTS;
    return RingOptions{o.slots ? o.slots : std::min<uint32_t>(CUFRAMES_DEFAULT_SLOTS, most), most};
}

Result<LogConfig> read_log(const cuframes_publisher_options& o) {
    constexpr uint64_t fewest_bytes = 64 << 10, most_bytes = uint64_t{64} << 30;
    const uint64_t bytes = o.max_bytes ? o.max_bytes : CUFRAMES_DEFAULT_MAX_BYTES;
    if (bytes < fewest_bytes || bytes > most_bytes) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("max-bytes=", bytes, " is out of range; use ", fewest_bytes, " to ", most_bytes)};
    }
    return LogConfig{o.max_time ? o.max_time : CUFRAMES_DEFAULT_MAX_TIME, bytes};
}

Result<> check_content(const cuframes_publisher_options& o) {
    if (o.content != CUFRAMES_CONTENT_FRAMES && o.content != CUFRAMES_CONTENT_PACKETS &&
        o.content != CUFRAMES_CONTENT_UNDECIDED) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("content ", static_cast<int>(o.content), " is not known")};
    }
    if (o.content == CUFRAMES_CONTENT_PACKETS && (o.slots || o.max_slots)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "slots and max_slots are of frames; packets are bounded by max_time and max_bytes"};
    }
    if (o.content == CUFRAMES_CONTENT_FRAMES && (o.max_time || o.max_bytes)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "max_time and max_bytes are of packets; frames are bounded by slots and max_slots"};
    }
    return {};
}

/// What to make of the caller's options.
Result<std::unique_ptr<cuframes_publisher>> make_handle(const cuframes_publisher_options* given) {
    auto o = api::versioned(given, "options");
    if (!o) {
        return o.error();
    }
    auto options = read_membership(*o);
    if (!options) {
        return options.error();
    }
    if (auto sound = check_content(*o); !sound) {
        return sound.error();
    }
    auto ring = read_ring(*o);
    if (!ring) {
        return ring.error();
    }
    auto log = read_log(*o);
    if (!log) {
        return log.error();
    }
    auto membership = Membership::create(std::move(*options));
    if (!membership) {
        return membership.error();
    }
    auto handle = std::make_unique<cuframes_publisher>(std::move(*membership), *ring, *log);
    if (o->content != CUFRAMES_CONTENT_UNDECIDED) {
        if (auto decided = handle->decide(o->content); !decided) {
            return decided.error();
        }
    }
    return handle;
}

Result<GenerationConfig> read_config(const cuframes_ring_config* given, const RingOptions& options) {
    auto c = api::versioned(given, "config");
    if (!c) {
        return c.error();
    }
    if (c->memory != CUFRAMES_MEMORY_HOST && c->memory != CUFRAMES_MEMORY_CUDA) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("memory kind ", static_cast<int>(c->memory), " is not known")};
    }
    auto geometry = api::versioned(c->geometry, "geometry");
    if (!geometry) {
        return geometry.error();
    }
    if (auto sound = check_geometry(*geometry); !sound) {
        return sound.error();
    }
    const std::string caps = c->caps ? c->caps : "";
    if (caps.size() > max_caps_size) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("the caps have ", caps.size(), " bytes; at most ", max_caps_size, " are possible")};
    }
    if (!is_utf8(caps)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, "the caps are not UTF-8"};
    }
    if (c->producer_slots > CUFRAMES_MAX_SLOTS - options.max_slots || c->metadata_size > max_metadata_size) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("producer_slots ", c->producer_slots, " or metadata_size ",
                                                           c->metadata_size, " is too large")};
    }
    return GenerationConfig{c->memory,
                            *geometry,
                            caps,
                            api::ordinal_of(c->cuda_device),
                            c->cuda_context,
                            options.slots,
                            options.max_slots,
                            c->producer_slots,
                            c->metadata_size ? c->metadata_size : CUFRAMES_DEFAULT_METADATA_SIZE};
}

/// The checks that every call on a live slot begins with, and the fence against exceptions.
template <class Body>
int call(cuframes_slot* handle, Body&& body) {
    return api::guarded([&] {
        if (auto sound = check(handle); !sound) {
            return api::fail(sound.error());
        }
        return body(*handle->impl);
    });
}

} // namespace

extern "C" {

int cuframes_publisher_create(const cuframes_publisher_options* options, cuframes_publisher** publisher) {
    return api::guarded([&] {
        if (!publisher) {
            return api::fail(api::null_error("publisher"));
        }
        auto made = make_handle(options);
        if (!made) {
            return api::fail(made.error());
        }
        *publisher = made->release();
        return static_cast<int>(CUFRAMES_OK);
    });
}

void cuframes_publisher_destroy(cuframes_publisher* publisher) {
    if (!publisher || publisher->forks != fork_count()) {
        return;
    }
    publisher->close();
    delete publisher;
}

int cuframes_publisher_configure(cuframes_publisher* publisher, const cuframes_ring_config* config) {
    return api::call_frames(publisher, api::Undecided::decides, [&](FramePublisher& p) {
        auto read = read_config(config, p.options());
        return read ? api::finish(p.configure(*read)) : api::fail(read.error());
    });
}

int cuframes_publisher_acquire(cuframes_publisher* publisher, cuframes_acquire_flags flags, cuframes_slot** slot) {
    return api::call_frames(publisher, api::Undecided::is_refused, [&](FramePublisher& p) {
        if (!slot) {
            return api::fail(api::null_error("slot"));
        }
        auto acquired = p.acquire(static_cast<uint32_t>(flags));
        if (!acquired) {
            return api::fail(acquired.error());
        }
        *slot = new cuframes_slot{std::move(*acquired)};
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_publisher_drop(cuframes_publisher* publisher) {
    return api::call(publisher, [](cuframes_publisher& p) {
        if (auto* packets = p.packets()) {
            packets->drop();
        } else {
            p.membership().drop();
        }
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_publisher_set_latency(cuframes_publisher* publisher, uint64_t latency) {
    return api::call(publisher, [&](cuframes_publisher& p) {
        p.membership().set_latency(latency);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_publisher_eos(cuframes_publisher* publisher) {
    return api::call(publisher, [](cuframes_publisher& p) {
        if (auto decided = p.decide_if_undecided(CUFRAMES_CONTENT_FRAMES); !decided) {
            return api::fail(decided.error());
        }
        p.membership().eos();
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_publisher_wait_subscribers(cuframes_publisher* publisher, uint32_t count, int64_t timeout_ms) {
    return api::call(publisher, [&](cuframes_publisher& p) {
        return api::finish(p.membership().wait_subscribers(count, timeout_ms));
    });
}

void cuframes_publisher_set_interrupted(cuframes_publisher* publisher, bool interrupted) {
    if (check(publisher)) {
        publisher->membership().set_interrupted(interrupted);
    }
}

int cuframes_publisher_get_stats(cuframes_publisher* publisher, cuframes_publisher_stats* stats) {
    return api::call(publisher,
                     [&](cuframes_publisher& p) { return api::fill(stats, p.membership().stats(), "stats"); });
}

int cuframes_publisher_get_subscribers(cuframes_publisher* publisher, cuframes_subscriber_info* infos,
                                       size_t capacity) {
    return api::call(publisher, [&](cuframes_publisher& p) {
        const auto all = p.membership().subscribers();
        return api::fill_array(infos, capacity, all, "infos");
    });
}

const char* cuframes_publisher_socket_path(const cuframes_publisher* publisher) {
    return publisher ? publisher->membership().path().c_str() : "";
}

void* cuframes_slot_data(const cuframes_slot* slot) { return slot->impl->data(); }

uint32_t cuframes_slot_index(const cuframes_slot* slot) { return slot->impl->index(); }

uint64_t cuframes_slot_epoch(const cuframes_slot* slot) { return slot->impl->epoch(); }

int cuframes_slot_write(cuframes_slot* slot, const cuframes_image* image) {
    return call(slot, [&](Slot& s) {
        auto read = api::versioned(image, "image");
        return read ? api::finish(s.write(*read)) : api::fail(read.error());
    });
}

int cuframes_slot_record_stream(cuframes_slot* slot, cuframes_cuda_stream stream) {
    return call(slot, [&](Slot& s) { return api::finish(s.record_stream(stream)); });
}

int cuframes_slot_publish(cuframes_slot* slot, const cuframes_frame_info* info, cuframes_cuda_stream after) {
    return call(slot, [&](Slot& s) {
        auto read = api::versioned(info, "info");
        return read ? api::finish(s.publish(*read, after)) : api::fail(read.error());
    });
}

void cuframes_slot_release(cuframes_slot* slot) {
    if (slot && slot->forks == fork_count()) {
        delete slot;
    }
}

} // extern "C"
