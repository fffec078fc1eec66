// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Messages on the SOCK_SEQPACKET connection between a subscriber and its publisher.
 *
 *     subscriber                        publisher
 *         | --- Hello ------------------> |  who, mode, leases asked for
 *         | <-- Welcome + wake eventfd -- |  or Refused, then the connection is closed
 *         | <-- Generation + 3 fds ------ |  now and whenever caps or geometry change
 *         |                               |
 *         |      … frames: shared memory and the eventfd only …
 *         |                               |
 *         | --- Progress ---------------> |  only while RingState.publisher_waits is set
 *         | --- Goodbye ----------------> |  detached, but frames are still held: keep their leases
 *         | <-- Ended ------------------- |  end of stream before there was any generation
 *         |                               |
 *       hang-up, or the peer's pidfd: the other side is gone
 *
 * Each message is one packet of exactly `size` bytes that begins with a MessageHeader. A receiver ignores types it does
 * not know, so that a later version may add some; everything else that is off closes the connection.
 */
#pragma once

#include <array>
#include <cstdint>

#include "protocol/layout.h"

namespace cuframes {

enum class MessageType : uint32_t {
    hello = 1,
    welcome = 2,
    refused = 3,
    generation = 4,
    progress = 5,
    goodbye = 6,
    ended = 7,
};

struct MessageHeader {
    uint32_t type;
    uint32_t size; ///< Of the whole message.
};

/** First message of a connection. `version` stays the first field in every version, so that each can refuse others. */
struct Hello {
    static constexpr MessageType type = MessageType::hello;
    MessageHeader header;
    uint32_t version;
    uint32_t mode; ///< cuframes_mode
    uint32_t max_held;
    uint32_t reserved;
    std::array<uint8_t, 16> boot_id; ///< Shared memory needs one kernel; a forwarded socket may lead to another.
    char name[64];                   ///< Zero-terminated.
};

/** With one fd: the eventfd that the publisher writes while LeasePage.sleeping is set. */
struct Welcome {
    static constexpr MessageType type = MessageType::welcome;
    MessageHeader header;
    uint32_t version;
    uint32_t granted; ///< Leases: always as many as were asked for.
    int32_t pid;      ///< The publisher's, in its own PID namespace.
    uint32_t reserved;
};

struct Refused {
    static constexpr MessageType type = MessageType::refused;
    MessageHeader header;
    uint32_t version;
    int32_t error; ///< cuframes_error
    char message[496];
};

/** With three fds: control, frames, lease page. */
struct Generation {
    static constexpr MessageType type = MessageType::generation;
    MessageHeader header;
    uint64_t epoch;
    uint64_t control_size;
    uint64_t frames_size;
};

struct Progress {
    static constexpr MessageType type = MessageType::progress;
    MessageHeader header;
};

struct Goodbye {
    static constexpr MessageType type = MessageType::goodbye;
    MessageHeader header;
};

struct Ended {
    static constexpr MessageType type = MessageType::ended;
    MessageHeader header;
};

inline constexpr size_t max_message_size = 512;
inline constexpr size_t max_message_fds = 3;

static_assert(sizeof(Hello) == 104 && sizeof(Welcome) == 24 && sizeof(Refused) == 512 && sizeof(Generation) == 32);
static_assert(sizeof(Refused) <= max_message_size);

} // namespace cuframes
