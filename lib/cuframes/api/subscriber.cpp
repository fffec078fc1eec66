// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/api.h"
#include "base/release_wish.h"
#include "protocol/validate.h"
#include "subscriber/frame_ring/frame_subscriber.h"

#include <cerrno>

using namespace cuframes::core;
using Subscriber = FrameSubscriber;

struct cuframes_subscriber {
    std::unique_ptr<Subscriber> impl;
    uint32_t forks = fork_count();
};

namespace {

// A frame is its own handle: frames are made and freed at the frame rate.
Frame* from_handle(cuframes_frame* frame) { return reinterpret_cast<Frame*>(frame); }

const Frame* from_handle(const cuframes_frame* frame) { return reinterpret_cast<const Frame*>(frame); }

Result<ReleaseScope> read_release(cuframes_release given) {
    switch (given) {
    case CUFRAMES_RELEASE_STREAMS:
        return ReleaseScope::streams;
    case CUFRAMES_RELEASE_CONTEXT:
        return ReleaseScope::context;
    case CUFRAMES_RELEASE_DEFAULT:
        break;
    default:
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("release ", static_cast<int>(given), " is not known")};
    }
    auto wish = release_wish();
    if (!wish) {
        return wish.error();
    }
    return *wish ? ReleaseScope::context : ReleaseScope::streams;
}

Result<SubscriberOptions> read_options(const cuframes_subscriber_options* given) {
    auto o = api::versioned(given, "options");
    if (!o) {
        return o.error();
    }
    if (auto key = check_key(o->key); !key) {
        return key.error();
    }
    if (o->max_held > CUFRAMES_MAX_HELD) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("max_held ", o->max_held, " is out of range; use 1 to ",
                                                           CUFRAMES_MAX_HELD, ", or 0 for as many as it takes")};
    }
    const uint32_t max_held = o->max_held ? o->max_held : CUFRAMES_DEFAULT_MAX_HELD;
    if (o->min_held > max_held) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("min_held ", o->min_held, " is more than the ", max_held, " frames of max_held")};
    }
    if (o->mode != CUFRAMES_MODE_NEWEST && o->mode != CUFRAMES_MODE_STRICT) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("mode ", static_cast<int>(o->mode), " is not known")};
    }
    auto release = read_release(o->release);
    if (!release) {
        return release.error();
    }
    const std::string directory = o->directory && *o->directory ? o->directory : "";
    const std::string path = socket_path(directory.empty() ? default_directory() : directory, o->key);
    if (auto fits = check_socket_path(path); !fits) {
        return fits.error();
    }
    return SubscriberOptions{{o->key, directory, o->name && *o->name ? o->name : program_invocation_short_name, o->mode,
                              o->connect_timeout_ms, o->end_when_gone, o->on_state, o->user_data},
                             {api::ordinal_of(o->cuda_device), o->cuda_context, *release},
                             max_held,
                             o->min_held   ? o->min_held
                             : o->max_held ? max_held
                                           : 1,
                             o->max_held == 0,
                             o->copies};
}

template <class Body>
int call(cuframes_subscriber* handle, Body&& body) {
    return api::guarded([&] {
        if (!handle) {
            return api::fail(api::null_error("the handle"));
        }
        if (handle->forks != fork_count()) {
            return api::fail(api::forked_error());
        }
        return body(*handle->impl);
    });
}

} // namespace

extern "C" {

int cuframes_subscriber_create(const cuframes_subscriber_options* options, cuframes_subscriber** subscriber) {
    return api::guarded([&] {
        if (!subscriber) {
            return api::fail(api::null_error("subscriber"));
        }
        auto read = read_options(options);
        if (!read) {
            return api::fail(read.error());
        }
        auto made = Subscriber::create(std::move(*read));
        if (!made) {
            return api::fail(made.error());
        }
        *subscriber = new cuframes_subscriber{std::move(*made)};
        return static_cast<int>(CUFRAMES_OK);
    });
}

void cuframes_subscriber_destroy(cuframes_subscriber* subscriber) {
    if (subscriber && subscriber->forks == fork_count()) {
        delete subscriber;
    }
}

int cuframes_subscriber_connect(cuframes_subscriber* subscriber, int64_t timeout_ms) {
    return call(subscriber, [&](Subscriber& s) { return api::finish(s.attach(timeout_ms)); });
}

int cuframes_subscriber_next(cuframes_subscriber* subscriber, int64_t timeout_ms, cuframes_frame** frame) {
    if (frame) {
        *frame = nullptr;
    }
    return call(subscriber, [&](Subscriber& s) {
        if (!frame) {
            return api::fail(api::null_error("frame"));
        }
        auto got = s.next(timeout_ms);
        if (!got) {
            return api::fail(got.error());
        }
        *frame = reinterpret_cast<cuframes_frame*>(*got);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_subscriber_fd(const cuframes_subscriber* subscriber) { return subscriber ? subscriber->impl->fd() : -1; }

void cuframes_subscriber_set_interrupted(cuframes_subscriber* subscriber, bool interrupted) {
    if (subscriber && subscriber->forks == fork_count()) {
        subscriber->impl->set_interrupted(interrupted);
    }
}

int cuframes_subscriber_wait_lease(cuframes_subscriber* subscriber, int64_t timeout_ms) {
    return call(subscriber, [&](Subscriber& s) { return api::finish(s.wait_lease(timeout_ms)); });
}

int cuframes_subscriber_want(cuframes_subscriber* subscriber, uint32_t max_held, uint32_t frames) {
    return call(subscriber, [&](Subscriber& s) {
        s.want(max_held, frames);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_subscriber_set_latency(cuframes_subscriber* subscriber, uint64_t latency) {
    return call(subscriber, [&](Subscriber& s) {
        s.set_latency(latency);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_subscriber_add_cuda_context(cuframes_subscriber* subscriber, void* cuda_context) {
    return call(subscriber, [&](Subscriber& s) {
        return cuda_context ? api::finish(s.add_cuda_context(cuda_context))
                            : api::fail(api::null_error("cuda_context"));
    });
}

int cuframes_subscriber_get_stats(cuframes_subscriber* subscriber, cuframes_subscriber_stats* stats) {
    return call(subscriber, [&](Subscriber& s) { return api::fill(stats, s.stats(), "stats"); });
}

const cuframes_frame_view* cuframes_frame_get(const cuframes_frame* frame) { return &from_handle(frame)->view(); }

cuframes_frame* cuframes_frame_ref(cuframes_frame* frame) {
    from_handle(frame)->ref();
    return frame;
}

void cuframes_frame_unref(cuframes_frame* frame) {
    if (frame) {
        from_handle(frame)->unref();
    }
}

int cuframes_frame_record_stream(cuframes_frame* frame, cuframes_cuda_stream stream) {
    return api::guarded([&] {
        if (!frame) {
            return api::fail(api::null_error("frame"));
        }
        if (from_handle(frame)->forked()) {
            return api::fail(api::forked_error());
        }
        return api::finish(from_handle(frame)->record_stream(stream));
    });
}

int cuframes_frame_read(const cuframes_frame* frame, const cuframes_image* image) {
    return api::guarded([&] {
        if (!frame) {
            return api::fail(api::null_error("frame"));
        }
        if (from_handle(frame)->forked()) {
            return api::fail(api::forked_error());
        }
        auto read = api::versioned(image, "image");
        return read ? api::finish(from_handle(frame)->read(*read)) : api::fail(read.error());
    });
}

} // extern "C"
