// SPDX-License-Identifier: LGPL-2.1-or-later
/// cuframes for C++17: cuframes.h with owners instead of destroy functions, and results instead of out-parameters.
///
///     auto subscriber = cuframes::Subscriber::create(cuframes::subscriber_options("cam-gate"));
///     if (!subscriber)
///         return complain(subscriber.error().message);
///     while (auto frame = subscriber->next())
///         use(frame->view());
///
/// Header-only: every function here is one call of the C library, which documents it; nothing throws but what the
/// standard library throws when there is no memory. A moved-from object may only be destroyed or assigned to. Threads:
/// as cuframes.h says of the call behind each function.
#pragma once

#include <cuframes/cuframes.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cuframes {
// Inline functions of different versions of this header may meet in one program.
inline namespace v0 {

// ---------------------------------------------------------------------------------------------------------- results

/// Why a call failed.
struct Error {
    cuframes_error code = CUFRAMES_OK;
    std::string message; ///< What exactly failed, and what to do.
};

/// The calling thread's last failure, as an Error.
inline Error last_error(int code) { return {static_cast<cuframes_error>(code), cuframes_last_error_message()}; }

/// A value, or why there is none: what std::expected<T, Error> is in C++23.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const noexcept { return has_value(); }
    bool has_value() const noexcept { return content_.index() == 0; }

    /// Only while there is a value.
    T& value() & noexcept { return *std::get_if<0>(&content_); }
    const T& value() const& noexcept { return *std::get_if<0>(&content_); }
    T&& value() && noexcept { return std::move(*std::get_if<0>(&content_)); }
    T& operator*() & noexcept { return value(); }
    const T& operator*() const& noexcept { return value(); }
    T&& operator*() && noexcept { return std::move(*this).value(); }
    T* operator->() noexcept { return &value(); }
    const T* operator->() const noexcept { return &value(); }

    /// Only while there is none.
    const Error& error() const noexcept { return *std::get_if<1>(&content_); }
    /// CUFRAMES_OK with a value.
    cuframes_error code() const noexcept { return has_value() ? CUFRAMES_OK : error().code; }

private:
    std::variant<T, Error> content_;
};

/// Success, or why not.
class [[nodiscard]] Status {
public:
    Status() = default;
    Status(Error error) : error_(std::move(error)) {}
    /// From what a C function returned.
    static Status of(int code) { return code < 0 ? Status(last_error(code)) : Status(); }

    explicit operator bool() const noexcept { return error_.code == CUFRAMES_OK; }
    const Error& error() const noexcept { return error_; }
    cuframes_error code() const noexcept { return error_.code; }

private:
    Error error_;
};

/// How long a call may wait.
using Timeout = std::chrono::milliseconds;
inline constexpr Timeout forever{-1};
inline constexpr Timeout not_at_all{0};

// ---------------------------------------------------------------------------------------------------------- options

/// A C struct of this library, ready to be filled.
template <class T>
T make() {
    T out;
    CUFRAMES_INIT(out);
    return out;
}

/// The strings in these structs, and a geometry, are borrowed until the call that takes the struct returns.
inline cuframes_publisher_options publisher_options(const char* key) {
    auto out = make<cuframes_publisher_options>();
    out.key = key;
    return out;
}

inline cuframes_subscriber_options subscriber_options(const char* key) {
    auto out = make<cuframes_subscriber_options>();
    out.key = key;
    return out;
}

inline cuframes_ring_config ring_config(cuframes_memory memory, const cuframes_geometry* geometry,
                                        const char* caps = nullptr) {
    auto out = make<cuframes_ring_config>();
    out.memory = memory;
    out.geometry = geometry;
    out.caps = caps;
    return out;
}

/// With no time but the one given.
inline cuframes_frame_info frame_info(std::uint64_t pts = CUFRAMES_TIME_NONE) {
    auto out = make<cuframes_frame_info>();
    out.pts = cuframes_some(pts);
    return out;
}

inline cuframes_packet_info packet_info(std::uint64_t pts = CUFRAMES_TIME_NONE, bool delta = false) {
    auto out = make<cuframes_packet_info>();
    out.pts = cuframes_some(pts);
    out.delta = delta;
    return out;
}

/// A CUstream and its CUcontext; {}: the legacy default stream of the ring's own context.
using Stream = cuframes_cuda_stream;

namespace detail {
template <auto destroy>
struct Deleter {
    template <class T>
    void operator()(T* handle) const noexcept {
        destroy(handle);
    }
};
template <class T, auto destroy>
using Handle = std::unique_ptr<T, Deleter<destroy>>;
} // namespace detail

// -------------------------------------------------------------------------------------------------------- publisher

/// A slot that the producer holds; releases it when destroyed, published or not. May outlive its publisher.
class Slot {
public:
    explicit Slot(cuframes_slot* owned) : handle_(owned) {}

    /// First byte: a host address, or a CUdeviceptr.
    void* data() const { return cuframes_slot_data(handle_.get()); }
    std::uint32_t index() const { return cuframes_slot_index(handle_.get()); }
    std::uint64_t epoch() const { return cuframes_slot_epoch(handle_.get()); }

    Status write(const cuframes_image& image) { return Status::of(cuframes_slot_write(handle_.get(), &image)); }
    /// Names a stream that writes the slot: publishing waits for it, and a slot given back unpublished is not used before.
    Status record(Stream user) { return Status::of(cuframes_slot_record_stream(handle_.get(), user)); }
    /// Makes the frame visible once all work queued so far on the stream, and on those named, is done.
    Status publish(const cuframes_frame_info& info = frame_info(), Stream after = {}) {
        return Status::of(cuframes_slot_publish(handle_.get(), &info, after));
    }

    cuframes_slot* get() const noexcept { return handle_.get(); }

private:
    detail::Handle<cuframes_slot, cuframes_slot_release> handle_;
};

class Publisher {
public:
    explicit Publisher(cuframes_publisher* owned) : handle_(owned) {}

    static Result<Publisher> create(const cuframes_publisher_options& options) {
        cuframes_publisher* handle = nullptr;
        const int code = cuframes_publisher_create(&options, &handle);
        if (code < 0) {
            return last_error(code);
        }
        return Publisher(handle);
    }

    Status configure(const cuframes_ring_config& config) {
        return Status::of(cuframes_publisher_configure(get(), &config));
    }
    Result<Slot> acquire(cuframes_acquire_flags flags = CUFRAMES_ACQUIRE_DEFAULT) {
        cuframes_slot* slot = nullptr;
        const int code = cuframes_publisher_acquire(get(), flags, &slot);
        if (code < 0) {
            return last_error(code);
        }
        return Slot(slot);
    }
    /// Of packets: the media type of those that follow.
    Status set_caps(const char* caps) { return Status::of(cuframes_publisher_set_caps(get(), caps)); }
    Status publish_packet(const void* data, std::size_t size, const cuframes_packet_info& info = packet_info()) {
        return Status::of(cuframes_publisher_publish_packet(get(), data, size, &info));
    }
    Result<cuframes_packet_window> packet_window() const {
        auto out = make<cuframes_packet_window>();
        const int code = cuframes_publisher_get_packet_window(get(), &out);
        if (code < 0) {
            return last_error(code);
        }
        return out;
    }
    /// How long after its capture a frame becomes visible at the latest, in nanoseconds.
    Status set_latency(std::uint64_t latency) { return Status::of(cuframes_publisher_set_latency(get(), latency)); }
    Status drop() { return Status::of(cuframes_publisher_drop(get())); }
    Status eos() { return Status::of(cuframes_publisher_eos(get())); }
    Status wait_subscribers(std::uint32_t count, Timeout timeout = forever) {
        return Status::of(cuframes_publisher_wait_subscribers(get(), count, timeout.count()));
    }
    void set_interrupted(bool interrupted) { cuframes_publisher_set_interrupted(get(), interrupted); }

    Result<cuframes_publisher_stats> stats() const {
        auto out = make<cuframes_publisher_stats>();
        const int code = cuframes_publisher_get_stats(get(), &out);
        if (code < 0) {
            return last_error(code);
        }
        return out;
    }
    Result<std::vector<cuframes_subscriber_info>> subscribers() const {
        std::vector<cuframes_subscriber_info> out;
        for (;;) {
            const int count = cuframes_publisher_get_subscribers(get(), out.data(), out.size());
            if (count < 0) {
                return last_error(count);
            }
            // Others may have come since their number was asked for.
            const bool complete = static_cast<std::size_t>(count) <= out.size();
            out.resize(static_cast<std::size_t>(count), make<cuframes_subscriber_info>());
            if (complete) {
                return out;
            }
        }
    }
    std::string socket_path() const { return cuframes_publisher_socket_path(get()); }

    cuframes_publisher* get() const noexcept { return handle_.get(); }

private:
    detail::Handle<cuframes_publisher, cuframes_publisher_destroy> handle_;
};

// ------------------------------------------------------------------------------------------------------- subscriber

/// A held frame. Copies hold it together; the last one gives it back. May outlive its subscriber and its publisher.
class Frame {
public:
    explicit Frame(cuframes_frame* owned) : handle_(owned) {}
    Frame(const Frame& other) : handle_(other.handle_ ? cuframes_frame_ref(other.handle_.get()) : nullptr) {}
    Frame(Frame&&) noexcept = default;
    Frame& operator=(Frame other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }
    ~Frame() = default;

    const cuframes_frame_view& view() const { return *cuframes_frame_get(handle_.get()); }
    const cuframes_frame_view* operator->() const { return cuframes_frame_get(handle_.get()); }
    /// First visible byte of a plane: a host address, or a CUdeviceptr.
    const void* plane(std::uint32_t index) const {
        return static_cast<const unsigned char*>(view().data) + view().geometry->planes[index].offset;
    }

    /// Copies the visible pixels out.
    Status read(const cuframes_image& image) const { return Status::of(cuframes_frame_read(handle_.get(), &image)); }
    /// Orders the frame's release after the work queued on a stream.
    Status record(Stream user) { return Status::of(cuframes_frame_record_stream(handle_.get(), user)); }

    cuframes_frame* get() const noexcept { return handle_.get(); }
    /// Hands the reference over to the caller.
    cuframes_frame* release() noexcept { return handle_.release(); }

private:
    detail::Handle<cuframes_frame, cuframes_frame_unref> handle_;
};

/// A packet. Copies share it. May outlive its subscriber and its publisher.
class Packet {
public:
    explicit Packet(cuframes_packet* owned) : handle_(owned) {}
    Packet(const Packet& other) : handle_(other.handle_ ? cuframes_packet_ref(other.handle_.get()) : nullptr) {}
    Packet(Packet&&) noexcept = default;
    Packet& operator=(Packet other) noexcept {
        handle_.swap(other.handle_);
        return *this;
    }
    ~Packet() = default;

    const cuframes_packet_view& view() const { return *cuframes_packet_get(handle_.get()); }
    const cuframes_packet_view* operator->() const { return cuframes_packet_get(handle_.get()); }

    cuframes_packet* get() const noexcept { return handle_.get(); }
    /// Hands the reference over to the caller.
    cuframes_packet* release() noexcept { return handle_.release(); }

private:
    detail::Handle<cuframes_packet, cuframes_packet_unref> handle_;
};

class Subscriber {
public:
    explicit Subscriber(cuframes_subscriber* owned) : handle_(owned) {}

    static Result<Subscriber> create(const cuframes_subscriber_options& options) {
        cuframes_subscriber* handle = nullptr;
        const int code = cuframes_subscriber_create(&options, &handle);
        if (code < 0) {
            return last_error(code);
        }
        return Subscriber(handle);
    }

    Status connect(Timeout timeout = forever) {
        return Status::of(cuframes_subscriber_connect(get(), timeout.count()));
    }
    Result<Frame> next(Timeout timeout = forever) {
        cuframes_frame* frame = nullptr;
        const int code = cuframes_subscriber_next(get(), timeout.count(), &frame);
        if (code < 0) {
            return last_error(code);
        }
        return Frame(frame);
    }
    Result<Packet> next_packet(Timeout timeout = forever) {
        cuframes_packet* packet = nullptr;
        const int code = cuframes_subscriber_next_packet(get(), timeout.count(), &packet);
        if (code < 0) {
            return last_error(code);
        }
        return Packet(packet);
    }
    Result<cuframes_packet_window> packet_window() const {
        auto out = make<cuframes_packet_window>();
        const int code = cuframes_subscriber_get_packet_window(get(), &out);
        if (code < 0) {
            return last_error(code);
        }
        return out;
    }
    Status wait_lease(Timeout timeout = forever) {
        return Status::of(cuframes_subscriber_wait_lease(get(), timeout.count()));
    }
    /// Readable when next(not_at_all) has something to do.
    int fd() const { return cuframes_subscriber_fd(get()); }
    void set_interrupted(bool interrupted) { cuframes_subscriber_set_interrupted(get(), interrupted); }

    Result<cuframes_subscriber_stats> stats() const {
        auto out = make<cuframes_subscriber_stats>();
        const int code = cuframes_subscriber_get_stats(get(), &out);
        if (code < 0) {
            return last_error(code);
        }
        return out;
    }
    /// Asks for more leases in all, and for more frames to be kept; see cuframes_subscriber_want().
    Status want(std::uint32_t max_held, std::uint32_t frames = 0) {
        return Status::of(cuframes_subscriber_want(get(), max_held, frames));
    }
    /// Newest mode: how long after its capture a frame is still of use here, in nanoseconds.
    Status set_latency(std::uint64_t latency) { return Status::of(cuframes_subscriber_set_latency(get(), latency)); }
    Status add_cuda_context(void* context) { return Status::of(cuframes_subscriber_add_cuda_context(get(), context)); }

    cuframes_subscriber* get() const noexcept { return handle_.get(); }

private:
    detail::Handle<cuframes_subscriber, cuframes_subscriber_destroy> handle_;
};

// ------------------------------------------------------------------------------------------------------- inspection

/// What is shared on this host, as of a moment.
class Inspection {
public:
    explicit Inspection(cuframes_inspection* owned) : handle_(owned) {}

    std::size_t size() const { return cuframes_inspection_size(get()); }
    /// Valid while this lives. `index` below size().
    const cuframes_ring_info& operator[](std::size_t index) const { return *cuframes_inspection_get(get(), index); }

    cuframes_inspection* get() const noexcept { return handle_.get(); }

private:
    detail::Handle<cuframes_inspection, cuframes_inspection_free> handle_;
};

/// How long a publisher that does not answer is waited for.
inline constexpr Timeout usual_answer{500};

/// All keys. `directory` nullptr: of those that subscribers look into.
inline Result<Inspection> list(const char* directory = nullptr, Timeout timeout = usual_answer) {
    cuframes_inspection* out = nullptr;
    const int code = cuframes_list(directory, timeout.count(), &out);
    if (code < 0) {
        return last_error(code);
    }
    return Inspection(out);
}

/// One key, which is [0] of what comes.
inline Result<Inspection> inspect(const char* key, const char* directory = nullptr, Timeout timeout = usual_answer) {
    cuframes_inspection* out = nullptr;
    const int code = cuframes_inspect(key, directory, timeout.count(), &out);
    if (code < 0) {
        return last_error(code);
    }
    return Inspection(out);
}

} // namespace v0
} // namespace cuframes
