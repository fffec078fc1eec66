// SPDX-License-Identifier: LGPL-2.1-or-later
#include "api/subscriber_handle.h"
#include "base/release_wish.h"
#include "protocol/validate.h"

#include <cerrno>

using namespace cuframes::core;

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

Result<ConnectorOptions> read_connector(const cuframes_subscriber_options& o) {
    if (auto key = check_key(o.key); !key) {
        return key.error();
    }
    if (o.mode != CUFRAMES_MODE_NEWEST && o.mode != CUFRAMES_MODE_STRICT) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("mode ", static_cast<int>(o.mode), " is not known")};
    }
    const std::string directory = o.directory && *o.directory ? o.directory : "";
    const std::string path = socket_path(directory.empty() ? default_directory() : directory, o.key);
    if (auto fits = check_socket_path(path); !fits) {
        return fits.error();
    }
    return ConnectorOptions{o.key,
                            directory,
                            o.name && *o.name ? o.name : program_invocation_short_name,
                            o.mode,
                            o.connect_timeout_ms,
                            o.end_when_gone,
                            o.on_state,
                            o.user_data};
}

Result<SubscriberOptions> read_frames(const cuframes_subscriber_options& o, ConnectorOptions connector) {
    if (o.max_held > CUFRAMES_MAX_HELD) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("max_held ", o.max_held, " is out of range; use 1 to ",
                                                           CUFRAMES_MAX_HELD, ", or 0 for as many as it takes")};
    }
    const uint32_t max_held = o.max_held ? o.max_held : CUFRAMES_DEFAULT_MAX_HELD;
    if (o.min_held > max_held) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("min_held ", o.min_held, " is more than the ", max_held, " frames of max_held")};
    }
    if (o.start != CUFRAMES_START_LIVE || o.preroll || o.start_time.plus_one) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, "frames have no past to start in: start is of packets"};
    }
    auto release = read_release(o.release);
    if (!release) {
        return release.error();
    }
    return SubscriberOptions{std::move(connector),
                             {api::ordinal_of(o.cuda_device), o.cuda_context, *release},
                             max_held,
                             o.min_held   ? o.min_held
                             : o.max_held ? max_held
                                          : 1,
                             o.max_held == 0,
                             o.copies};
}

Result<StartWish> read_start(const cuframes_subscriber_options& o) {
    if (o.max_held || o.min_held || o.copies) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     "max_held, min_held and copies are of frames; packets are copied out and held by nobody"};
    }
    if (o.start < CUFRAMES_START_LIVE || o.start > CUFRAMES_START_TIME) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, text("start ", static_cast<int>(o.start), " is not known")};
    }
    if (o.preroll && o.start != CUFRAMES_START_PREROLL) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, "preroll is given, but start is not CUFRAMES_START_PREROLL"};
    }
    if ((o.start_time.plus_one != 0) != (o.start == CUFRAMES_START_TIME)) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT, "start_time goes with CUFRAMES_START_TIME, and that with it"};
    }
    return StartWish{o.start, o.preroll, number_or_none(o.start_time)};
}

Result<std::unique_ptr<cuframes_subscriber>> make_handle(const cuframes_subscriber_options* given) {
    auto o = api::versioned(given, "options");
    if (!o) {
        return o.error();
    }
    auto connector = read_connector(*o);
    if (!connector) {
        return connector.error();
    }
    auto handle = std::make_unique<cuframes_subscriber>();
    if (o->content == CUFRAMES_CONTENT_PACKETS) {
        auto wish = read_start(*o);
        if (!wish) {
            return wish.error();
        }
        auto made = PacketSubscriber::create(std::move(*connector), *wish);
        if (!made) {
            return made.error();
        }
        handle->packets = std::move(*made);
        return handle;
    }
    if (o->content != CUFRAMES_CONTENT_FRAMES) {
        return Error{CUFRAMES_ERROR_INVALID_ARGUMENT,
                     text("content ", static_cast<int>(o->content), " is none that a subscriber can read")};
    }
    auto options = read_frames(*o, std::move(*connector));
    if (!options) {
        return options.error();
    }
    auto made = FrameSubscriber::create(std::move(*options));
    if (!made) {
        return made.error();
    }
    handle->frames = std::move(*made);
    return handle;
}

} // namespace

extern "C" {

int cuframes_subscriber_create(const cuframes_subscriber_options* options, cuframes_subscriber** subscriber) {
    return api::guarded([&] {
        if (!subscriber) {
            return api::fail(api::null_error("subscriber"));
        }
        auto made = make_handle(options);
        if (!made) {
            return api::fail(made.error());
        }
        *subscriber = made->release();
        return static_cast<int>(CUFRAMES_OK);
    });
}

void cuframes_subscriber_destroy(cuframes_subscriber* subscriber) {
    if (subscriber && subscriber->forks == fork_count()) {
        delete subscriber;
    }
}

int cuframes_subscriber_connect(cuframes_subscriber* subscriber, int64_t timeout_ms) {
    return api::call(subscriber, [&](cuframes_subscriber& s) { return api::finish(s.connector().attach(timeout_ms)); });
}

int cuframes_subscriber_next(cuframes_subscriber* subscriber, int64_t timeout_ms, cuframes_frame** frame) {
    if (frame) {
        *frame = nullptr;
    }
    return api::call_frames(subscriber, [&](FrameSubscriber& s) {
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

int cuframes_subscriber_fd(const cuframes_subscriber* subscriber) {
    return subscriber ? subscriber->connector().fd() : -1;
}

void cuframes_subscriber_set_interrupted(cuframes_subscriber* subscriber, bool interrupted) {
    if (subscriber && subscriber->forks == fork_count()) {
        subscriber->connector().set_interrupted(interrupted);
    }
}

int cuframes_subscriber_wait_lease(cuframes_subscriber* subscriber, int64_t timeout_ms) {
    return api::call_frames(subscriber, [&](FrameSubscriber& s) { return api::finish(s.wait_lease(timeout_ms)); });
}

int cuframes_subscriber_want(cuframes_subscriber* subscriber, uint32_t max_held, uint32_t frames) {
    return api::call_frames(subscriber, [&](FrameSubscriber& s) {
        s.want(max_held, frames);
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_subscriber_set_latency(cuframes_subscriber* subscriber, uint64_t latency) {
    return api::call(subscriber, [&](cuframes_subscriber& s) {
        if (s.frames) { // Packets are passed over for nobody.
            s.frames->set_latency(latency);
        }
        return static_cast<int>(CUFRAMES_OK);
    });
}

int cuframes_subscriber_add_cuda_context(cuframes_subscriber* subscriber, void* cuda_context) {
    return api::call_frames(subscriber, [&](FrameSubscriber& s) {
        return cuda_context ? api::finish(s.add_cuda_context(cuda_context))
                            : api::fail(api::null_error("cuda_context"));
    });
}

int cuframes_subscriber_get_stats(cuframes_subscriber* subscriber, cuframes_subscriber_stats* stats) {
    return api::call(subscriber, [&](cuframes_subscriber& s) {
        return api::fill(stats, s.frames ? s.frames->stats() : s.packets->connector().stats(), "stats");
    });
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
