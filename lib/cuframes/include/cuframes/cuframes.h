// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * cuframes: live video frames shared between processes, in place.
 *
 * One *publisher* per key owns a *ring* of *slots*; each slot holds one frame, in GPU memory or in host memory. Any
 * number of *subscribers* in other processes map the ring once, read-only, and use the frames where they lie.
 *
 *     publisher                                     subscriber
 *     ---------                                     ----------
 *     cuframes_publisher_create(key)                cuframes_subscriber_create(key)
 *     cuframes_publisher_configure(geometry)
 *     loop:                                         loop:
 *       cuframes_publisher_acquire() -> slot          cuframes_subscriber_next() -> frame
 *       … write the pixels into the slot …            … read the pixels in place …
 *       cuframes_slot_publish(slot, info)             cuframes_frame_unref(frame)
 *       cuframes_slot_release(slot)
 *     cuframes_publisher_destroy()                  cuframes_subscriber_destroy()
 *
 * A key carries one *content*: frames, or the *packets* that an encoder made of them, with the past seconds. See
 * "packets" below, and cuframes_content.
 *
 * ## What is promised
 *
 * - A frame that a subscriber holds is never overwritten, whoever is killed and when. A held frame stays readable and
 *   unchanged after its publisher died, and after its subscriber handle was destroyed.
 * - With the policy CUFRAMES_POLICY_DROP a publisher never waits for a subscriber. A killed subscriber's leases are
 *   back as soon as the kernel reports its death.
 * - A frame becomes visible only when its pixels are complete: no stream of a reader ever waits on another process.
 * - Every sequence number is either delivered, or counted as skipped (newest mode) or lost (strict mode).
 *
 * ## Errors
 *
 * Functions return CUFRAMES_OK or a negative ::cuframes_error. cuframes_error_string() gives the general sentence for
 * the value; cuframes_last_error_message() gives the particular one of the calling thread's last failed call: the key,
 * the path, the pid, the cause and what to do.
 *
 * ## Threads
 *
 * *Thread-safe* functions may be called from any thread at any time. *Thread-bound* ones may be called from any thread,
 * by one thread at a time for each handle. Handles do not survive fork(): every call on one in the child returns
 * CUFRAMES_ERROR_FORKED, and destroying it there frees nothing that the parent uses.
 *
 * ## Timeouts
 *
 * Milliseconds; any value is legal. 0 means not at all, and negative ones, as those that nobody lives to see, for ever.
 *
 * ## Versions
 *
 * Structs grow: at their end, so that programs keep running with a newer library. Therefore each begins with `struct_size`,
 * the size that it had for whoever made it, and none lies inside another, where it would move what follows. Call
 * CUFRAMES_INIT() on those that you fill, and on those that the library fills for you; it reads and writes what is there of
 * them, and takes the rest for zero. A program that reads what the library made (a view, a callback's argument) and may
 * meet an older library compares `struct_size`. Only what is said to be a *value* has no size, never grows, and may lie
 * anywhere.
 *
 * What is left at zero has its default, in every struct, or is required and then refused. Where 0 is a value too, of a
 * GPU or of a time say, the member is a ::cuframes_optional.
 *
 * Before 1.0 the soname carries the minor version; the protocol between processes has a version of its own
 * (cuframes_protocol_version()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define CUFRAMES_API __attribute__((visibility("default")))
#else
#define CUFRAMES_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CUFRAMES_VERSION_MAJOR 0
#define CUFRAMES_VERSION_MINOR 1
#define CUFRAMES_VERSION_PATCH 0

/** Zeroes a struct and sets its size: `cuframes_publisher_options o; CUFRAMES_INIT(o);` */
#define CUFRAMES_INIT(variable)                                                                                        \
    (memset(&(variable), 0, sizeof(variable)), (void)((variable).struct_size = (uint32_t)sizeof(variable)))

/** "No such time", as in GStreamer. */
#define CUFRAMES_TIME_NONE UINT64_MAX

/**
 * A number that need not be given, where 0 is one like any other: an ordinal, a time. Zeroed, it is not given. A plain
 * number in its place does not compile; cuframes_some() makes one. A value.
 */
typedef struct cuframes_optional {
    uint64_t plus_one; /**< 0: not given. */
} cuframes_optional;

/** `value`, given. -1, which is CUFRAMES_TIME_NONE, stands for "not given", as it does where such numbers come from. */
static inline cuframes_optional cuframes_some(uint64_t value) {
    cuframes_optional out;
    out.plus_one = value + 1u;
    return out;
}

/** Planes a frame can have: as many as GStreamer's GST_VIDEO_MAX_PLANES. */
#define CUFRAMES_MAX_PLANES 4

/** Fewest and most frames that a ring may be told to hold, and to grow to. */
#define CUFRAMES_MIN_RING_SLOTS 3
#define CUFRAMES_MAX_RING_SLOTS 128

/** What a zero of an option stands for, where that is a number. Elements and Python package have the same defaults. */
#define CUFRAMES_DEFAULT_SLOTS 8 /**< To begin with: the ring grows. */
#define CUFRAMES_DEFAULT_MAX_SLOTS CUFRAMES_MAX_RING_SLOTS
#define CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS 1000
#define CUFRAMES_DEFAULT_MAX_SUBSCRIBERS 64
#define CUFRAMES_DEFAULT_METADATA_SIZE (256 * 1024)
#define CUFRAMES_DEFAULT_MAX_HELD 3 /**< To begin with: what a sink shows, what it waits to show, and one more. */
#define CUFRAMES_DEFAULT_MAX_TIME UINT64_C(15000000000) /**< Packets: nanoseconds of the past. */
#define CUFRAMES_DEFAULT_MAX_BYTES UINT64_C(0x4000000)  /**< Packets: 64 MiB, which is 15 s at 35 Mbit/s. */

/** Most slots of a ring, those set aside for the producer included: the lease scan stays within a few cache lines. */
#define CUFRAMES_MAX_SLOTS 256

/** Most frames one subscriber may ask to hold. */
#define CUFRAMES_MAX_HELD 64

/** Largest packet, in bytes. */
#define CUFRAMES_MAX_PACKET_SIZE (64 * 1024 * 1024)

/** Longest key, in bytes; legal characters are `A-Z a-z 0-9 . _ -`. */
#define CUFRAMES_MAX_KEY 64

// ---------------------------------------------------------------------------------------------------------- errors

typedef enum cuframes_error {
    CUFRAMES_OK = 0,
    CUFRAMES_ERROR_INVALID_ARGUMENT = -1, /**< An argument is missing, out of range or contradicts another. */
    CUFRAMES_ERROR_INVALID_KEY = -2,      /**< The key is empty, too long or has a character that is not allowed. */
    CUFRAMES_ERROR_DIRECTORY = -3,        /**< The socket directory cannot be made, written or trusted. */
    CUFRAMES_ERROR_PATH_TOO_LONG = -4,    /**< Directory and key do not fit a Unix socket address (107 bytes). */
    CUFRAMES_ERROR_KEY_IN_USE = -5,       /**< A live publisher holds the key. */
    CUFRAMES_ERROR_ACCESS_DENIED = -6,    /**< The publisher's access rule does not admit this user. */
    CUFRAMES_ERROR_VERSION_MISMATCH = -7, /**< The peer speaks another protocol version. */
    CUFRAMES_ERROR_RING_FULL = -8,        /**< Granting the asked leases would starve the ring: more slots needed. */
    CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS = -9, /**< The publisher's max_subscribers is reached. */
    CUFRAMES_ERROR_NO_FREE_SLOT = -10,        /**< Every slot is leased by a reader or held by the producer. */
    CUFRAMES_ERROR_TIMEOUT = -11,             /**< Nothing arrived in the time given; with 0: nothing is there now. */
    CUFRAMES_ERROR_INTERRUPTED = -12,         /**< The handle was set interrupted by another thread. */
    CUFRAMES_ERROR_EOS = -13,              /**< The publisher ended its stream and every frame before was delivered. */
    CUFRAMES_ERROR_PUBLISHER_GONE = -14,   /**< The publisher died or closed without ending its stream. */
    CUFRAMES_ERROR_LEASES_EXHAUSTED = -15, /**< All granted leases are held: release a frame, or ask for more. */
    CUFRAMES_ERROR_NO_DRIVER = -16,        /**< The CUDA driver library cannot be loaded or has no device. */
    CUFRAMES_ERROR_UNKNOWN_DEVICE = -17,   /**< There is no such GPU in this process. */
    CUFRAMES_ERROR_NO_GPU_SHARING = -18,   /**< The start-up self-test of GPU memory sharing failed on this driver. */
    CUFRAMES_ERROR_DEVICE_MISMATCH = -19,  /**< The ring lies on a GPU that this one cannot read. */
    CUFRAMES_ERROR_CUDA = -20,             /**< The driver refused a call; the message names both. */
    CUFRAMES_ERROR_NO_MEMORY = -21,        /**< Host or GPU memory for the ring could not be had. */
    CUFRAMES_ERROR_PROTOCOL = -22,         /**< The peer sent something malformed; the connection was closed. */
    CUFRAMES_ERROR_SYSTEM = -23,           /**< A system call failed; the message names it. */
    CUFRAMES_ERROR_FORKED = -24,           /**< The handle was made in another process, before fork(). */
    CUFRAMES_ERROR_INVALID_STATE = -25,    /**< The call does not fit the handle's state. */
    CUFRAMES_ERROR_OTHER_CONTENT = -26,    /**< The key carries another content; the message says which. */
} cuframes_error;

/** One sentence for an error value. Static; never NULL. Thread-safe. */
CUFRAMES_API const char* cuframes_error_string(int error);

/** The enumerator's name, e.g. "CUFRAMES_ERROR_KEY_IN_USE". Static; never NULL. Thread-safe. */
CUFRAMES_API const char* cuframes_error_name(int error);

/** What exactly failed in the calling thread's last failed call, and what to do. Valid until its next failing call. */
CUFRAMES_API const char* cuframes_last_error_message(void);

/** Library version, "0.1.0". */
CUFRAMES_API const char* cuframes_version_string(void);

/** Version of the protocol between processes. Publisher and subscriber need the same. */
CUFRAMES_API uint32_t cuframes_protocol_version(void);

typedef enum cuframes_log_level {
    CUFRAMES_LOG_ERROR = 1,
    CUFRAMES_LOG_WARNING = 2,
    CUFRAMES_LOG_INFO = 3,
    CUFRAMES_LOG_DEBUG = 4,
} cuframes_log_level;

typedef void (*cuframes_log_func)(cuframes_log_level level, const char* message, void* user_data);

/**
 * Routes the library's log. `func` is called from any of its threads, never with a lock held that the library's
 * functions take, and must not call back into it. NULL restores the default: warnings and errors to stderr
 * ($CUFRAMES_LOG=error|warning|info|debug changes the level), but for what a listener shows. Thread-safe.
 */
CUFRAMES_API void cuframes_set_log_func(cuframes_log_func func, void* user_data, cuframes_log_level max_level);

/** true: the message is where its reader looks for it, and need not go to stderr. */
typedef bool (*cuframes_log_listener)(cuframes_log_level level, const char* message, void* user_data);

/**
 * Hands the log to a framework that has one of its own, beside the function of cuframes_set_log_func(), which is the
 * application's. The plugin does so for GStreamer, the Python package for `logging`. `listener` is called as that function
 * is, for all levels, and stays for the life of the process. Thread-safe.
 */
CUFRAMES_API int cuframes_add_log_listener(cuframes_log_listener listener, void* user_data);

/**
 * The directory that a NULL `directory` stands for: $CUFRAMES_DIR, else $NVIDIA_DRA_LOCAL_IPC_DIR/cuframes, which
 * Kubernetes gives to containers with the same claim of a GPU, else $XDG_RUNTIME_DIR/cuframes, else /run/cuframes if that
 * can be used, else /tmp/cuframes-<uid>. Writes at most `size` bytes. Thread-safe. A subscriber without a directory goes to
 * /run/cuframes as well, if it can read there and the key's socket is there; and it trusts only what belongs to its user, to
 * root or, in /run/cuframes, to whom an administrator let in.
 */
CUFRAMES_API int cuframes_default_directory(char* buffer, size_t size);

// -------------------------------------------------------------------------------------------------------- geometry

typedef enum cuframes_memory {
    CUFRAMES_MEMORY_HOST = 1, /**< One sealed memfd, mapped by everybody. */
    CUFRAMES_MEMORY_CUDA = 2, /**< CUDA VMM allocations, each exported as a POSIX fd. */
} cuframes_memory;

/** One plane inside a slot. All in bytes but `rows`. A value. */
typedef struct cuframes_plane {
    uint64_t offset;    /**< From the slot's start to the first visible byte. */
    uint32_t pitch;     /**< From one row to the next; at least row_bytes. */
    uint32_t row_bytes; /**< Visible bytes of a row. */
    uint32_t rows;      /**< Visible rows. */
    uint32_t reserved;  /**< Zero. */
} cuframes_plane;

/** The layout of every frame of one ring generation. */
typedef struct cuframes_geometry {
    uint32_t struct_size;
    uint32_t plane_count;   /**< 1 to CUFRAMES_MAX_PLANES. */
    uint32_t width, height; /**< Visible pixels. */
    char format[32];        /**< GStreamer's name of the pixel format, e.g. "NV12". */
    cuframes_plane planes[CUFRAMES_MAX_PLANES];
    uint64_t frame_size; /**< Bytes of a slot that the frame occupies, padding included. */
} cuframes_geometry;

/**
 * A stream of CUDA's driver API, and the context that it is of. Zeroed: the legacy default stream of the ring's own context.
 * Of a default stream, which every context has, the context says which is meant; of another the driver knows it, and is
 * asked. A value.
 */
typedef struct cuframes_cuda_stream {
    void* stream;  /**< CUstream; NULL: the legacy default stream. */
    void* context; /**< CUcontext; NULL: the ring's own. */
} cuframes_cuda_stream;

/** The zeroed one, for calls: nothing is queued anywhere but on the legacy default stream, or the ring is in host memory. */
#ifdef __cplusplus
#define CUFRAMES_DEFAULT_STREAM (cuframes_cuda_stream{nullptr, nullptr})
#else
#define CUFRAMES_DEFAULT_STREAM ((cuframes_cuda_stream){NULL, NULL})
#endif

/** Pixels somewhere in this process's reach: the other side of a copy into or out of a slot. */
typedef struct cuframes_image {
    uint32_t struct_size;
    uint32_t plane_count;
    cuframes_memory memory;              /**< What the pointers are: host addresses, or CUdeviceptr. */
    uint32_t pitch[CUFRAMES_MAX_PLANES]; /**< Bytes from row to row. */
    void* planes[CUFRAMES_MAX_PLANES];   /**< First visible byte of each plane. */
    cuframes_cuda_stream cuda_stream;    /**< To copy on; the copy is ordered after what is queued there. */
    uint32_t
        rows[CUFRAMES_MAX_PLANES]; /**< Rows that each plane has room for, or has; fewer than the ring's frames have
                                           are refused. 0: not checked, the caller knows. */
} cuframes_image;

// ------------------------------------------------------------------------------------------------------- publisher

typedef struct cuframes_publisher cuframes_publisher;
typedef struct cuframes_slot cuframes_slot;

/** What a key carries. A subscriber of the other one is refused, and told which it is. */
typedef enum cuframes_content {
    CUFRAMES_CONTENT_FRAMES = 0,
    CUFRAMES_CONTENT_PACKETS = 1,
    CUFRAMES_CONTENT_UNDECIDED =
        2, /**< Of a publisher: cuframes_publisher_configure(), _set_caps() or _eos(), whichever comes
                                         first, decides. Until then subscribers connect, and wait to be admitted. */
} cuframes_content;

typedef enum cuframes_policy {
    CUFRAMES_POLICY_DROP = 0, /**< Never wait. A strict subscriber that lags by the whole ring is lapped, and told. */
    CUFRAMES_POLICY_WAIT = 1, /**< Wait for strict subscribers; lap one that is in the way and has taken nothing for
                                   wait_timeout_ms. */
} cuframes_policy;

typedef enum cuframes_mode {
    CUFRAMES_MODE_NEWEST = 0, /**< Skip to the newest frame; the skipped ones are counted. */
    CUFRAMES_MODE_STRICT =
        1, /**< Every frame from the newest on that is there at the beginning, in order; lost ones are
                                   counted. */
} cuframes_mode;

/** "newest", "strict". Static; never NULL. Thread-safe. */
CUFRAMES_API const char* cuframes_mode_name(cuframes_mode mode);

/** Why a subscriber left. */
typedef enum cuframes_leave_reason {
    CUFRAMES_LEFT_CLOSED = 0,   /**< It closed its connection. */
    CUFRAMES_LEFT_DIED = 1,     /**< Its process ended without closing. */
    CUFRAMES_LEFT_PROTOCOL = 2, /**< It sent something malformed and was disconnected. */
} cuframes_leave_reason;

/** "closed", "died", "protocol". Static; never NULL. Thread-safe. */
CUFRAMES_API const char* cuframes_leave_reason_name(cuframes_leave_reason reason);

/** One attached subscriber, as its publisher sees it. The counters are the subscriber's own word. */
typedef struct cuframes_subscriber_info {
    uint32_t struct_size;
    int32_t pid; /**< As seen from the publisher's PID namespace; 0 if it has no number there. */
    uint64_t id; /**< Unique for the publisher's life. */
    char name[64];
    cuframes_mode mode;
    uint32_t max_held; /**< Leases granted. */
    uint32_t held;     /**< Leases in use now. */
    uint64_t lag;      /**< Published frames it has not taken yet. */
    uint64_t received, skipped, lost;
} cuframes_subscriber_info;

/** Called from the publisher's service thread; must not block and must not destroy the publisher. */
typedef void (*cuframes_subscriber_added_func)(const cuframes_subscriber_info* who, void* user_data);
typedef void (*cuframes_subscriber_removed_func)(const cuframes_subscriber_info* who, cuframes_leave_reason reason,
                                                 void* user_data);

typedef struct cuframes_publisher_options {
    uint32_t struct_size;
    const char* key;       /**< Required. */
    const char* directory; /**< NULL: cuframes_default_directory(). Made with mode 0700 if absent. */
    const char* access;    /**< NULL or "user": this uid (and root); "group:NAME"; "all". */
    uint32_t slots; /**< Frames the ring holds, 3 to 128: then Σ max_held of subscribers + 2 must fit. 0: automatic,
                                at least CUFRAMES_DEFAULT_SLOTS, more as subscribers come and ask, up to max_slots. */
    cuframes_policy policy;
    uint32_t wait_timeout_ms; /**< With CUFRAMES_POLICY_WAIT; 0: CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS. */
    uint32_t max_subscribers; /**< 0: CUFRAMES_DEFAULT_MAX_SUBSCRIBERS. */
    cuframes_subscriber_added_func on_subscriber_added;     /**< May be NULL. */
    cuframes_subscriber_removed_func on_subscriber_removed; /**< May be NULL. */
    void* user_data;
    uint32_t
        max_slots; /**< With slots 0: the most frames the ring may grow to, 3 to 128; 0: CUFRAMES_DEFAULT_MAX_SLOTS. */
    cuframes_content content; /**< With packets, slots and max_slots must be 0. */
    uint64_t max_time;        /**< Packets: nanoseconds of the past that are kept; 0: CUFRAMES_DEFAULT_MAX_TIME. */
    uint64_t
        max_bytes; /**< Packets: bytes that are kept at most, 64 KiB to 64 GiB; 0: CUFRAMES_DEFAULT_MAX_BYTES. Memory is
                             got as it is needed. */
} cuframes_publisher_options;

/**
 * Takes the key and begins to admit subscribers, from a service thread of its own. A live publisher's key is refused
 * with its pid (CUFRAMES_ERROR_KEY_IN_USE); what a killed one left behind is replaced. Blocks only for file system
 * calls. On failure nothing is left on disk. Options are copied. Thread-safe.
 */
CUFRAMES_API int cuframes_publisher_create(const cuframes_publisher_options* options, cuframes_publisher** publisher);

/**
 * Gives the key back and tells subscribers that the publisher is gone; they keep the frames they hold. Slots still
 * held by the caller stay valid memory and may be released later. NULL is ignored. No other call on the handle may be
 * running. With CUFRAMES_POLICY_WAIT it waits for strict subscribers that have yet to take up the last ring, as it would to
 * make another, unless the publisher is interrupted: what they did not get of that they would never see.
 */
CUFRAMES_API void cuframes_publisher_destroy(cuframes_publisher* publisher);

typedef struct cuframes_ring_config {
    uint32_t struct_size;
    cuframes_memory memory;
    const cuframes_geometry* geometry; /**< Required. Copied. */
    const char* caps;                  /**< Media type for the readers, any UTF-8 up to 16 KiB; NULL: none. */
    cuframes_optional cuda_device; /**< With CUFRAMES_MEMORY_CUDA and no context: the GPU's ordinal; not given: 0. */
    void* cuda_context;      /**< CUcontext to use; NULL: the device's primary one. Must outlive the generation. */
    uint32_t producer_slots; /**< Slots on top of `slots` for buffers that the producer itself keeps (a decoder's
                                  reference frames); host memory of slots never used is never committed. */
    uint32_t metadata_size;  /**< Bytes of metadata a frame can carry; 0: CUFRAMES_DEFAULT_METADATA_SIZE. Pages that
                                 are not used are not committed. */
} cuframes_ring_config;

/**
 * Starts a new ring generation: new memory, new epoch. Attached subscribers follow by themselves after the last frame
 * of the old one; frames they hold from it stay valid, and slots acquired from it may still be released but no longer
 * published. Thread-safe. CUDA: runs the sharing self-test once for each device.
 *
 * A subscriber is sent it when it has taken up the generation before. Under CUFRAMES_POLICY_WAIT this waits for strict
 * subscribers that were not sent the present generation yet, whose frames they would lose, while they take a frame in
 * wait_timeout_ms each:
 * CUFRAMES_ERROR_INTERRUPTED when interrupted meanwhile. Else they lose those frames, and count them.
 */
CUFRAMES_API int cuframes_publisher_configure(cuframes_publisher* publisher, const cuframes_ring_config* config);

/** What cuframes_publisher_acquire() may do when no slot is free. */
typedef enum cuframes_acquire_flags {
    CUFRAMES_ACQUIRE_DEFAULT = 0, /**< As the policy says. */
    CUFRAMES_ACQUIRE_NO_WAIT = 1, /**< Never wait, and never lap a strict subscriber under CUFRAMES_POLICY_WAIT. */
    CUFRAMES_ACQUIRE_SPARE =
        2, /**< For buffers that are handed on before they are published, as a pool's: leave as many
                                       slots as readers may lease, and those to publish with, when others are held. */
} cuframes_acquire_flags;

/**
 * Takes a slot to write the next frame into. It is one that no reader leases and that is not the newest frame; its old
 * frame is gone for readers from here on. Under CUFRAMES_POLICY_WAIT this blocks while strict subscribers have yet to
 * take the oldest frame. One that takes no frame for wait_timeout_ms of that is given up: it is lapped, and not waited for
 * before it takes one. Others lose nothing by it. CUFRAMES_ERROR_NO_FREE_SLOT: nothing is free; the frame should be dropped
 * (cuframes_publisher_drop()). CUFRAMES_ERROR_INVALID_STATE: the ring was configured anew meanwhile; call it again, for a
 * slot of the new generation. Several slots may be held at once. Thread-safe.
 */
CUFRAMES_API int cuframes_publisher_acquire(cuframes_publisher* publisher, cuframes_acquire_flags flags,
                                            cuframes_slot** slot);

/**
 * Tells readers this publisher's latency: how long after its capture (cuframes_frame_info.pts) a frame becomes visible
 * at the latest, in nanoseconds; CUFRAMES_TIME_NONE: not known, which is so at first. Readers that show frames at a time
 * of their own, as video sinks do, wait for just that long; where it is not told they measure. It holds for the frames
 * that follow, over generations too. Thread-safe; does not wait.
 */
CUFRAMES_API int cuframes_publisher_set_latency(cuframes_publisher* publisher, uint64_t latency);

/** Counts one frame that found no slot. It takes a sequence number, so that readers learn of the gap. Thread-safe. */
CUFRAMES_API int cuframes_publisher_drop(cuframes_publisher* publisher);

/**
 * Ends the stream: readers get CUFRAMES_ERROR_EOS after the last frame. Publishing again revives it; those who have not
 * looked meanwhile are still told, before the frames that follow. Ending an ended stream changes nothing. Thread-safe.
 */
CUFRAMES_API int cuframes_publisher_eos(cuframes_publisher* publisher);

/** Waits until `count` subscribers are attached. A negative timeout_ms: for ever. Interruptible. Thread-safe. */
CUFRAMES_API int cuframes_publisher_wait_subscribers(cuframes_publisher* publisher, uint32_t count, int64_t timeout_ms);

/** While set, waits in this handle end at once with CUFRAMES_ERROR_INTERRUPTED. Thread-safe. */
CUFRAMES_API void cuframes_publisher_set_interrupted(cuframes_publisher* publisher, bool interrupted);

typedef struct cuframes_publisher_stats {
    uint32_t struct_size;
    uint32_t subscribers;   /**< Attached now. */
    uint64_t epoch;         /**< Of the current generation; 0 before the first. */
    uint64_t last_sequence; /**< Of the newest frame, dropped ones included; 0 before the first. */
    uint64_t published;     /**< Frames made visible. */
    uint64_t dropped;       /**< Frames that found no free slot. */
    uint64_t copied;        /**< Published frames that were copied into their slot (cuframes_slot_write()). */
    uint64_t lapped;        /**< Frames overwritten before a strict subscriber took them, summed over subscribers. Their
                                    `lost` is exact, and also counts what was dropped; beside readers that move on at full
                                    speed this one may be less. */
    uint64_t bytes;         /**< frame_size of all published frames. */
    uint64_t waited_ns;     /**< Time spent waiting for strict subscribers. */
    uint64_t metadata_dropped; /**< Frames whose metadata did not fit and was left out. */
    uint64_t memory;           /**< Bytes of frame memory that the current generation has got so far. */
    uint32_t slots;            /**< Frames that the ring keeps now; 0 before the first generation. */
    uint64_t refused; /**< Attempts to attach that were refused, for whatever reason; the log at info tells which. */
} cuframes_publisher_stats;

/** Thread-safe; does not wait. */
CUFRAMES_API int cuframes_publisher_get_stats(cuframes_publisher* publisher, cuframes_publisher_stats* stats);

/**
 * Fills at most `capacity` entries; returns how many subscribers there are, or an error. `infos` is an array of structs of
 * the first one's `struct_size`: call CUFRAMES_INIT() on that. NULL with capacity 0 only asks for the number. Thread-safe.
 */
CUFRAMES_API int cuframes_publisher_get_subscribers(cuframes_publisher* publisher, cuframes_subscriber_info* infos,
                                                    size_t capacity);

/** Path of the socket. Valid while the publisher lives. Thread-safe. */
CUFRAMES_API const char* cuframes_publisher_socket_path(const cuframes_publisher* publisher);

/** What travels with a frame. Times are nanoseconds of CLOCK_MONOTONIC, which all processes of a host share. */
typedef struct cuframes_frame_info {
    uint32_t struct_size;
    uint32_t flags;                       /**< Opaque to the ring (the elements put GstBufferFlags here). */
    cuframes_optional pts;                /**< When the frame is to be shown or was captured. */
    cuframes_optional dts;                /**< Likewise for decoding order. */
    cuframes_optional duration;           /**< Nanoseconds. */
    cuframes_optional offset, offset_end; /**< As in GstBuffer. */
    const void* metadata; /**< Opaque to the ring (the elements put serialized GstMetas here). Copied. */
    size_t metadata_size;
} cuframes_frame_info;

/** First byte of the slot: a host address, or a CUdeviceptr. cuframes_plane.offset counts from here. */
CUFRAMES_API void* cuframes_slot_data(const cuframes_slot* slot);
/** Position in the ring, 0-based: stable, so that registrations made for a slot can be kept. */
CUFRAMES_API uint32_t cuframes_slot_index(const cuframes_slot* slot);
/** Epoch of the generation that the slot belongs to. */
CUFRAMES_API uint64_t cuframes_slot_epoch(const cuframes_slot* slot);

/**
 * Copies an image of the ring's geometry into the slot: once, device to device where both are on a GPU. Counted as
 * `copied`. The copy may still run on `image->cuda_stream` when this returns; publishing waits for it, and so does the
 * next use of a slot that is given back unpublished. Host to host copies are done on return. CUFRAMES_ERROR_CUDA on a
 * stream that captures a graph: nothing would be copied now. Thread-bound to the slot.
 */
CUFRAMES_API int cuframes_slot_write(cuframes_slot* slot, const cuframes_image* image);

/**
 * Names a stream whose queued work writes the slot: publishing waits for what is queued there by then, and a slot that is
 * given back unpublished is not used again before. Nothing happens in host memory. The stream must live until the slot is
 * given back. Thread-safe.
 */
CUFRAMES_API int cuframes_slot_record_stream(cuframes_slot* slot, cuframes_cuda_stream stream);

/**
 * Makes the slot's frame visible to readers and wakes those that sleep. CUDA: first waits, on the CPU, until all work
 * queued so far on `after` (CUFRAMES_DEFAULT_STREAM if there is no other), and on the streams named before, is complete.
 * A slot is published once; the pixels must not be changed afterwards.
 * CUFRAMES_ERROR_INVALID_STATE if its generation was superseded; CUFRAMES_ERROR_CUDA if a stream captures a graph, as what
 * it was given has not begun. Thread-bound to the slot.
 */
CUFRAMES_API int cuframes_slot_publish(cuframes_slot* slot, const cuframes_frame_info* info,
                                       cuframes_cuda_stream after);

/**
 * Ends the caller's hold on the slot. A published frame stays available to readers; the slot may be reused once it is
 * neither held, nor leased, nor the newest. An unpublished one becomes free; in GPU memory once the work is complete that
 * is queued now on the streams that were named, on those that cuframes_slot_write() was given, and on the legacy default
 * stream of the ring's context, which waits for all but non-blocking ones; and after all other slots. Never blocks.
 * Thread-safe. May be called after cuframes_publisher_destroy().
 */
CUFRAMES_API void cuframes_slot_release(cuframes_slot* slot);

// ------------------------------------------------------------------------------------------------------ subscriber

typedef struct cuframes_subscriber cuframes_subscriber;
typedef struct cuframes_frame cuframes_frame;

typedef enum cuframes_subscriber_state {
    CUFRAMES_STATE_WAITING = 0,  /**< No publisher on the key; waiting for one. */
    CUFRAMES_STATE_ATTACHED = 1, /**< A publisher admitted us. */
    CUFRAMES_STATE_ENDED = 2,    /**< The publisher ended its stream (EOS). */
    CUFRAMES_STATE_GONE = 3,     /**< The publisher died or closed; reconnecting if so configured. */
} cuframes_subscriber_state;

/** "waiting", "attached", "ended", "gone". Static; never NULL. Thread-safe. */
CUFRAMES_API const char* cuframes_state_name(cuframes_subscriber_state state);

/**
 * State changes, called from within cuframes_subscriber_next() on its thread. `pid` is the publisher's, `epoch` that
 * of its current generation (0: none yet).
 */
typedef void (*cuframes_subscriber_state_func)(cuframes_subscriber_state state, uint64_t epoch, int32_t pid,
                                               void* user_data);

/** Which GPU work a frame's lease waits for when the frame is given up: see cuframes_frame_unref(). */
typedef enum cuframes_release {
    CUFRAMES_RELEASE_DEFAULT = 0, /**< As $CUFRAMES_RELEASE says ("streams" or "context"); without: streams. */
    CUFRAMES_RELEASE_STREAMS =
        1, /**< What is queued on the streams that are known. Breaks no graph that is captured. */
    CUFRAMES_RELEASE_CONTEXT =
        2, /**< All that the known contexts have in flight, on whatever stream, and on named streams
                                     of others. A CUDA graph that another thread of the process captures meanwhile breaks.
                                     Needs a driver of CUDA 12.5; with an older one it is as CUFRAMES_RELEASE_STREAMS. */
} cuframes_release;

/** Packets: where a subscriber begins, with the first publisher that it finds. With later ones it begins with the first
 *  packet that they still have, as what came between is what it missed. */
typedef enum cuframes_start {
    CUFRAMES_START_LIVE =
        0, /**< With the next keyframe that comes: up to a GOP from now. What it passes over until then
                                      counts nowhere. */
    CUFRAMES_START_KEYFRAME = 1, /**< With the newest keyframe that there is: something to decode at once. */
    CUFRAMES_START_PREROLL = 2, /**< With the newest keyframe at or before `preroll` before now; the oldest there is, if
                                      they are all later. 0: as CUFRAMES_START_LIVE. */
    CUFRAMES_START_TIME = 3,    /**< With the newest keyframe at or before `start_time`, as of the pts of a frame; the
                                      oldest there is, if they are all later. */
} cuframes_start;

typedef struct cuframes_subscriber_options {
    uint32_t struct_size;
    const char* key;       /**< Required. */
    const char* directory; /**< NULL: cuframes_default_directory(). Need not exist yet. */
    const char* name;      /**< Shown to the publisher; NULL: the program's name. */
    cuframes_mode mode;
    uint32_t max_held;          /**< Frames that may be held at once, 1 to 64. 0: automatic, which begins with
                            CUFRAMES_DEFAULT_MAX_HELD and asks for more when all are held and another is wanted. */
    int64_t connect_timeout_ms; /**< How long next() waits for the first publisher; 0, and below: for ever. */
    bool end_when_gone; /**< next() returns CUFRAMES_ERROR_PUBLISHER_GONE instead of waiting for the next one. */
    cuframes_optional cuda_device; /**< Ordinal of the GPU to read rings in GPU memory on; not given: the ring's own. */
    void* cuda_context;            /**< CUcontext to map for and release in; NULL: the device's primary one. */
    cuframes_subscriber_state_func on_state; /**< May be NULL. */
    void* user_data;
    uint32_t min_held; /**< With fewer it does not attach, but is refused (CUFRAMES_ERROR_RING_FULL); 0: max_held, or 1
                            where that is automatic. */
    bool
        copies; /**< One frame more may be taken than max_held, for the time of a copy: `spare` in its view is 0 then, and
                      it is given back before the next is taken. The ring sets no slot aside for it. */
    cuframes_release release;     /**< For rings in GPU memory. */
    cuframes_content content;     /**< With packets, what is of frames and leases must be 0. */
    cuframes_start start;         /**< Packets: where to begin with the first publisher. */
    uint64_t preroll;             /**< With CUFRAMES_START_PREROLL: nanoseconds. */
    cuframes_optional start_time; /**< With CUFRAMES_START_TIME: nanoseconds of CLOCK_MONOTONIC. */
} cuframes_subscriber_options;

/**
 * Checks the options; connects lazily, in cuframes_subscriber_connect() or cuframes_subscriber_next(). Never blocks.
 * Thread-safe.
 */
CUFRAMES_API int cuframes_subscriber_create(const cuframes_subscriber_options* options,
                                            cuframes_subscriber** subscriber);

/** Detaches. Frames still held stay valid and keep their lease until unreferenced. NULL is ignored. */
CUFRAMES_API void cuframes_subscriber_destroy(cuframes_subscriber* subscriber);

/**
 * Waits until a publisher has admitted this subscriber, of packets until it has the log, and takes nothing: for programs
 * that want to know before they go on. Up to `timeout_ms` (-1: for ever, 0: not at all). CUFRAMES_OK at once while attached;
 * else as cuframes_subscriber_next() reports what stands in the way. Thread-bound, like that.
 */
CUFRAMES_API int cuframes_subscriber_connect(cuframes_subscriber* subscriber, int64_t timeout_ms);

/**
 * Takes the next frame: the newest not taken yet, or the next in order. Waits up to `timeout_ms` (-1: for ever, 0: not
 * at all), sleeping in the kernel, for a publisher as well as for a frame. Returns
 * - CUFRAMES_OK and a frame to unref;
 * - CUFRAMES_ERROR_TIMEOUT, _INTERRUPTED;
 * - CUFRAMES_ERROR_LEASES_EXHAUSTED at once when all granted leases are held and a frame is waiting; one that was given
 *   up and that the GPU is about to end, or that cannot be ended before a graph is captured, is waited for instead,
 *   within `timeout_ms`. With an automatic max_held it asks
 *   the publisher for more and waits for the answer first, within `timeout_ms`: then it means that there are no more;
 * - CUFRAMES_ERROR_CUDA when all leases are used up by frames whose release the driver refuses for good;
 * - CUFRAMES_ERROR_EOS once for each end of stream, in its place among the frames, also when the stream was revived before
 *   this call; a further call waits for what follows;
 * - CUFRAMES_ERROR_PUBLISHER_GONE with end_when_gone;
 * - why attaching failed: CUFRAMES_ERROR_RING_FULL, _ACCESS_DENIED, _VERSION_MISMATCH, _OTHER_CONTENT, _NO_DRIVER, …. A
 *   further call tries again.
 * When the publisher dies, frames that it had published are still delivered first (strict: all that are left). Then
 * the subscriber waits for its successor. Thread-bound.
 */
CUFRAMES_API int cuframes_subscriber_next(cuframes_subscriber* subscriber, int64_t timeout_ms, cuframes_frame** frame);

/**
 * A file descriptor to poll for input: readable when cuframes_subscriber_next(…, 0, …) has something to do, a death or
 * a new publisher included, from the first poll on; now and then for nothing, which that call tells by
 * CUFRAMES_ERROR_TIMEOUT. While all leases are held it is when one is given back. Ask for it before a frame is taken, or
 * call next() until that error before each poll. Owned by the subscriber, the same for its whole life. Thread-safe.
 */
CUFRAMES_API int cuframes_subscriber_fd(const cuframes_subscriber* subscriber);

/**
 * While set, waits in this handle end at once with CUFRAMES_ERROR_INTERRUPTED. Thread-safe, async-signal-safe.
 */
CUFRAMES_API void cuframes_subscriber_set_interrupted(cuframes_subscriber* subscriber, bool interrupted);

/**
 * Waits until fewer than max_held frames are held, counting those whose GPU release is still under way as held.
 * Returns as next() does. Thread-bound, like next().
 */
CUFRAMES_API int cuframes_subscriber_wait_lease(cuframes_subscriber* subscriber, int64_t timeout_ms);

/**
 * Asks the publisher for `max_held` leases in all (0: no more than there are) and to keep the `frames` newest frames,
 * whatever is leased of older ones (0: as it is). Does not wait: a later next() takes the answer in, see `spare` in the
 * frame's view and `max_held` in the statistics. Ignored while an answer is outstanding, while not attached, for a second
 * after a request that was not met, and for what exceeds a max_held that was set. Thread-bound, like next().
 */
CUFRAMES_API int cuframes_subscriber_want(cuframes_subscriber* subscriber, uint32_t max_held, uint32_t frames);

/**
 * In newest mode: how long after its capture this reader can still use a frame, in nanoseconds. next() then passes over
 * frames only that are later than that, and gives the oldest of the others; if all are, the newest. A display that shows
 * frames `latency` after their capture so gets every one while it keeps up, and skips when it does not.
 * CUFRAMES_TIME_NONE, as it is at first: all frames but the newest are passed over. Frames without a capture time are
 * late. Thread-safe.
 */
CUFRAMES_API int cuframes_subscriber_set_latency(cuframes_subscriber* subscriber, uint64_t latency);

/**
 * Names one more CUDA context whose work may read frames (torch's primary one, say): releases wait for its legacy default
 * stream too, or with CUFRAMES_RELEASE_CONTEXT for all that it has in flight. The subscriber's own context is always
 * included. The context must outlive the subscriber's frames. Thread-safe.
 */
CUFRAMES_API int cuframes_subscriber_add_cuda_context(cuframes_subscriber* subscriber, void* cuda_context);

typedef struct cuframes_subscriber_stats {
    uint32_t struct_size;
    cuframes_subscriber_state state;
    uint64_t epoch; /**< Of the generation the last frame came from. */
    uint64_t last_sequence;
    uint64_t received;
    /** Newest mode: frames passed over; packets that left the log, or that the publisher dropped, before we took them. */
    uint64_t skipped;
    /** Strict mode: frames overwritten, or packets that left the log, or either dropped by the publisher, before that. */
    uint64_t lost;
    uint64_t reconnects; /**< Publishers attached to after the first. */
    uint32_t held;       /**< Frames held now. */
    uint32_t max_held;
    int32_t publisher_pid; /**< 0: none. */
} cuframes_subscriber_stats;

/** Thread-safe; does not wait. */
CUFRAMES_API int cuframes_subscriber_get_stats(cuframes_subscriber* subscriber, cuframes_subscriber_stats* stats);

/** A held frame. All pointers are valid until the frame's last unref; the pixels are read-only. */
typedef struct cuframes_frame_view {
    uint32_t struct_size;
    cuframes_memory memory;
    const void* data; /**< First byte of the slot: host address or CUdeviceptr. */
    const cuframes_geometry* geometry;
    const char* caps;    /**< The publisher's caps string; "" if it gave none. */
    uint32_t slot;       /**< Position in the ring. */
    int32_t cuda_device; /**< Ordinal in this process; -1 in host memory. */
    uint64_t epoch;      /**< Generation: (epoch, slot) names the memory for as long as the ring lives. */
    uint64_t sequence;   /**< 1-based, counts over generations for the publisher's life. */
    uint64_t missed;     /**< Frames lost or skipped between the one before and this one. */
    bool discontinuity;  /**< First frame from this publisher, or frames are missing in strict mode. */
    uint32_t flags;      /**< From here on as the publisher's cuframes_frame_info said. */
    uint64_t pts;        /**< CUFRAMES_TIME_NONE: unknown. So for dts and duration. */
    uint64_t dts, duration;
    uint64_t offset, offset_end; /**< UINT64_MAX: none. */
    const void* metadata;
    size_t metadata_size;
    uint64_t publish_time; /**< CLOCK_MONOTONIC when it became visible. */
    uint64_t latency;      /**< As cuframes_publisher_set_latency() told; CUFRAMES_TIME_NONE: not told. */
    uint32_t spare;        /**< Frames that could be taken besides when this one was, before one is given back. */
    int32_t fd; /**< Host memory: the memfd with the ring's frames, to pass on to a process that maps it; sealed, so
                           that nobody can map it for writing. Valid while the frame is held; duplicate it to keep it. -1:
                           GPU memory. */
    uint64_t fd_offset; /**< Of the slot's first byte in the memfd; 0 in GPU memory. */
} cuframes_frame_view;

/** Never NULL for a frame. Thread-safe. */
CUFRAMES_API const cuframes_frame_view* cuframes_frame_get(const cuframes_frame* frame);

/** Thread-safe. */
CUFRAMES_API cuframes_frame* cuframes_frame_ref(cuframes_frame* frame);

/**
 * Gives up one reference. With the last, the lease ends: at once in host memory; in GPU memory when the work that may
 * read the frame is complete, without waiting for it here. That is what is queued by then on the streams that were named
 * (cuframes_frame_record_stream(), cuframes_frame_read()), and on the legacy default stream of each known context, which
 * waits for all streams of that context but non-blocking ones. Work on a non-blocking stream that was not named, as
 * torch's side streams are, is not waited for, unless the subscriber was made with CUFRAMES_RELEASE_CONTEXT. While one of
 * those streams captures a CUDA graph the lease is kept; it ends soon after. Thread-safe; never blocks on the publisher.
 */
CUFRAMES_API void cuframes_frame_unref(cuframes_frame* frame);

/**
 * Names a stream whose queued work reads the frame, so that its release is ordered after what is queued there by then.
 * Which context the stream is of is asked of the driver; `stream.context` says which default stream is meant (NULL: the
 * subscriber's own context). CU_STREAM_PER_THREAD stands for those of all threads in that context. A stream must not be
 * destroyed before the frame is given up: drivers do not survive being asked of one that is gone. Thread-safe.
 */
CUFRAMES_API int cuframes_frame_record_stream(cuframes_frame* frame, cuframes_cuda_stream stream);

/**
 * Copies the visible pixels to `image`. From GPU to host memory it is done on return; device to device it is queued on
 * `image->cuda_stream`, which is thereby named as by cuframes_frame_record_stream(). CUFRAMES_ERROR_CUDA on a stream that
 * captures a graph. Thread-safe.
 */
CUFRAMES_API int cuframes_frame_read(const cuframes_frame* frame, const cuframes_image* image);

// --------------------------------------------------------------------------------------------------------- packets

/*
 * Packets are what an encoder makes: one access unit each, or a piece of sound, or a record of metadata. A publisher made
 * with CUFRAMES_CONTENT_PACKETS keeps those of the past `max_time` in a *packet log* in host memory, and subscribers begin
 * where they like in it. All else, from keys to statistics, is as with frames. See examples/c/publish_packets.c.
 *
 *     cuframes_publisher_create(key, CUFRAMES_CONTENT_PACKETS)     cuframes_subscriber_create(key, CUFRAMES_CONTENT_PACKETS,
 *     cuframes_publisher_set_caps(caps)                                                       start)
 *     loop:                                                        loop:
 *       cuframes_publisher_publish_packet(data, size, info)          cuframes_subscriber_next_packet() -> packet
 *                                                                    … cuframes_packet_get(packet) …
 *     cuframes_publisher_destroy()                                   cuframes_packet_unref(packet)
 *
 * What leaves first are whole GOPs (a keyframe and what depends on it): the oldest goes when what is left still covers
 * `max_time`, or when there is no room for the next packet in `max_bytes`. So the window begins with a keyframe, unless one
 * GOP alone is larger than `max_bytes`: then its beginning goes, and there is nothing to begin with before the next one.
 *
 * Both modes read every packet in order. Under CUFRAMES_POLICY_DROP the publisher never waits: a subscriber that is slower
 * than the window is long loses what left it, goes on with the oldest packet that is there, and is told how many it missed.
 * Under CUFRAMES_POLICY_WAIT nothing leaves the log that a subscriber in CUFRAMES_MODE_STRICT has yet to take; one that
 * takes nothing for wait_timeout_ms of waiting is given up, as with frames.
 *
 * A subscriber gets a copy of each packet, which it may keep for as long as it likes: nothing of the log is held by it.
 */

/**
 * The media type of the packets that follow: caps as GStreamer writes them, codec data included, any UTF-8 up to 16 KiB;
 * NULL or "": none. Each packet keeps that which it was published with. It may change at any time; at most 64 of them are
 * kept, then the oldest packets leave. Thread-safe. Waits as cuframes_publisher_publish_packet() does.
 */
CUFRAMES_API int cuframes_publisher_set_caps(cuframes_publisher* publisher, const char* caps);

/** What travels with a packet. Times are nanoseconds of CLOCK_MONOTONIC, those of the frame that it was made of. */
typedef struct cuframes_packet_info {
    uint32_t struct_size;
    uint32_t flags; /**< Opaque to the log (the elements put GstBufferFlags here). */
    bool
        delta; /**< It can only be decoded after those before it. false: a keyframe, or sound, or whatever stands alone. */
    cuframes_optional pts; /**< When what it shows was captured. */
    cuframes_optional dts; /**< Likewise, in the order of decoding. */
    cuframes_optional duration;
    const void* metadata; /**< Opaque to the log. Copied. */
    size_t metadata_size;
} cuframes_packet_info;

/**
 * Appends a packet, which is copied, and wakes subscribers that sleep. `data` may be NULL if `size` is 0.
 * CUFRAMES_ERROR_NO_MEMORY if the packet is larger than CUFRAMES_MAX_PACKET_SIZE or than the log: it is counted as dropped,
 * and the stream goes on. CUFRAMES_ERROR_INTERRUPTED: it was not published. Waits for nobody under CUFRAMES_POLICY_DROP.
 * Thread-safe.
 */
CUFRAMES_API int cuframes_publisher_publish_packet(cuframes_publisher* publisher, const void* data, size_t size,
                                                   const cuframes_packet_info* info);

/** What a packet log holds at a moment. */
typedef struct cuframes_packet_window {
    uint32_t struct_size;
    uint32_t keyframes;
    uint64_t packets;
    uint64_t bytes;
    uint64_t
        oldest_time; /**< Of the oldest packet: its pts, else its dts, else when it was published. CUFRAMES_TIME_NONE:
                               there is none. */
    uint64_t newest_time;   /**< Of the newest packet. */
    uint64_t keyframe_time; /**< Of the newest keyframe; CUFRAMES_TIME_NONE: there is none. */
    uint64_t bit_rate;      /**< Bits per second over the window; 0: not known yet. */
} cuframes_packet_window;

/** Thread-safe; does not wait. */
CUFRAMES_API int cuframes_publisher_get_packet_window(cuframes_publisher* publisher, cuframes_packet_window* window);

typedef struct cuframes_packet cuframes_packet;

/** As cuframes_subscriber_next(), of a subscriber of packets. Leases there are none. Thread-bound. */
CUFRAMES_API int cuframes_subscriber_next_packet(cuframes_subscriber* subscriber, int64_t timeout_ms,
                                                 cuframes_packet** packet);

/**
 * The same as its publisher is told, from the moment on at which cuframes_subscriber_connect() has succeeded or a packet
 * came. CUFRAMES_ERROR_INVALID_STATE before, and while the next publisher is looked for. Does not wait. Thread-bound.
 */
CUFRAMES_API int cuframes_subscriber_get_packet_window(cuframes_subscriber* subscriber, cuframes_packet_window* window);

/** A packet. All pointers are valid until its last unref. */
typedef struct cuframes_packet_view {
    uint32_t struct_size;
    uint32_t flags; /**< As the publisher's cuframes_packet_info said. */
    const void* data;
    size_t size;
    const char* caps;      /**< The media type that it was published with; "" if there was none. */
    uint64_t caps_version; /**< Another number for each change of caps. With `epoch` it names them. */
    uint64_t epoch;
    uint64_t sequence; /**< 1-based, counts for the publisher's life. */
    /** Packets between the one before and this one that left the log before they were taken, or that the publisher dropped:
     *  exact in both modes. The statistics count them as skipped (newest) or lost (strict). 0 for the first one. */
    uint64_t missed;
    bool discontinuity; /**< First packet from this publisher, or packets are missing. */
    bool delta;
    uint64_t pts; /**< CUFRAMES_TIME_NONE: unknown. So for dts and duration. */
    uint64_t dts, duration;
    const void* metadata;
    size_t metadata_size;
    uint64_t publish_time; /**< CLOCK_MONOTONIC when it became visible. */
    uint64_t latency;      /**< As cuframes_publisher_set_latency() told; CUFRAMES_TIME_NONE: not told. */
    uint64_t behind; /**< Packets that were published after it when it was taken. For the first one: what the past has
                                to give, and where it meets the present. */
} cuframes_packet_view;

/** Never NULL for a packet. Thread-safe. */
CUFRAMES_API const cuframes_packet_view* cuframes_packet_get(const cuframes_packet* packet);

/** Thread-safe. */
CUFRAMES_API cuframes_packet* cuframes_packet_ref(cuframes_packet* packet);

/** NULL is ignored. Thread-safe. */
CUFRAMES_API void cuframes_packet_unref(cuframes_packet* packet);

// ------------------------------------------------------------------------------------------------------ inspection
//
// What is shared on this host, and by whom, without attaching to it: nothing is leased, no seat of max_subscribers is taken,
// nobody's callback is called, and no frame comes later for it. Who may attach (the publisher's `access`) may ask.

typedef enum cuframes_ring_state {
    CUFRAMES_RING_LIVE = 0,
    CUFRAMES_RING_WAITING = 1, /**< Its publisher is there, and has published nothing yet. */
    CUFRAMES_RING_ENDED = 2,   /**< The end of the stream came last. */
    CUFRAMES_RING_DEAD =
        3, /**< Its publisher was killed, and has left the socket. The next one of the key replaces it. */
    CUFRAMES_RING_SILENT = 4,  /**< Its publisher did not answer in time: it is stopped, say by a debugger. */
    CUFRAMES_RING_REFUSED = 5, /**< Its publisher admits us not, or speaks another version: see `message`. */
} cuframes_ring_state;

/** "live", "waiting", "ended", "dead", "silent", "refused". Static; never NULL. Thread-safe. */
CUFRAMES_API const char* cuframes_ring_state_name(cuframes_ring_state state);

/** One key. No pointer is NULL but those that say so; texts are UTF-8. All live as long as the inspection. */
typedef struct cuframes_ring_info {
    uint32_t struct_size;
    cuframes_ring_state state;
    const char* key;
    const char* path;    /**< Of the socket. */
    const char* message; /**< Dead, silent, refused: why, and what to do. Else "". */
    int32_t pid;         /**< The publisher's, in our PID namespace; 0: it is dead, or has no number there. */
    uint32_t uid;        /**< The publisher's, if `pid` is not 0. */
    /* Only of live, waiting and ended ones; else "", 0 or NULL. */
    const char* program; /**< Name of the publisher's program, for people. */
    cuframes_content content;
    cuframes_policy policy;
    const char* caps;       /**< "": there are none yet. */
    cuframes_memory memory; /**< Of frames. */
    uint8_t gpu_uuid[16];   /**< Of frames in GPU memory; else zero. */
    double rate;            /**< Frames or packets in a second, of the last five seconds. */
    uint64_t
        newest_time; /**< CLOCK_MONOTONIC, ns, when the newest became visible; CUFRAMES_TIME_NONE: there is none. */
    const cuframes_publisher_stats* stats; /**< As its publisher counts. NULL: it did not say. */
    const cuframes_geometry* geometry;     /**< Of frames. NULL: of packets, or there are none yet. */
    const cuframes_packet_window* window;  /**< Of packets. NULL: of frames. */
    size_t subscriber_count;
    const cuframes_subscriber_info* const* subscribers;
} cuframes_ring_info;

typedef struct cuframes_inspection cuframes_inspection;

/**
 * All keys of a directory (NULL: of those that subscribers look into), in the order of their names. All are asked at
 * once; those that did not answer within `timeout_ms` are silent, and hold up no other. Blocks until all have answered,
 * a few milliseconds where none is silent; a negative timeout waits for ever. Thread-safe. CUFRAMES_ERROR_DIRECTORY: it
 * cannot be looked into; one that is not there has no keys.
 */
CUFRAMES_API int cuframes_list(const char* directory, int64_t timeout_ms, cuframes_inspection** inspection);

/** The same for one key. CUFRAMES_ERROR_PUBLISHER_GONE: it has no publisher, and no dead one. */
CUFRAMES_API int cuframes_inspect(const char* key, const char* directory, int64_t timeout_ms,
                                  cuframes_inspection** inspection);

/** How many keys. Thread-safe, as the calls below. */
CUFRAMES_API size_t cuframes_inspection_size(const cuframes_inspection* inspection);

/** NULL: there is none of that number. */
CUFRAMES_API const cuframes_ring_info* cuframes_inspection_get(const cuframes_inspection* inspection, size_t index);

/** NULL is ignored. */
CUFRAMES_API void cuframes_inspection_free(cuframes_inspection* inspection);

// ------------------------------------------------------------------------------------------------------------ CUDA

/**
 * Whether frames in memory of GPU `device` can be shared here: loads the driver and tries create, export, import, map
 * and access once for each device. CUFRAMES_OK, or why not, with what to do. Thread-safe.
 */
CUFRAMES_API int cuframes_cuda_self_test(int32_t device);

#ifdef __cplusplus
}
#endif
