// SPDX-License-Identifier: LGPL-2.1-or-later
/// Messages on the SOCK_SEQPACKET connection between a subscriber and its publisher.
///
///     subscriber                        publisher
///         | --- Hello ------------------> |  who, mode, leases asked for
///         | <-- Welcome ----------------- |  or Refused, then the connection is closed
///         | <-- Generation + fds -------- |  now, and when caps or geometry change: one at a time
///         | <-- Chunk + fd -------------- |  for each part of its memory behind the first that there is
///         |                               |
///         |      … items: shared memory …
///         | <-- Wake -------------------- |  an item, for one that sleeps
///         |                               |
///         | --- Need -------------------> |  what it lacks: the generation after this one, or parts of it
///         | --- Want -------------------> |  more leases, or more frames to be kept
///         | <-- Granted ----------------- |  what there is now: the answer to each Want
///         | --- Progress ---------------> |  only while StreamWords.publisher_waits is set
///         | --- Goodbye ----------------> |  detached, but frames are still held: keep their leases
///         | <-- Ended ------------------- |  end of stream before there was any generation
///         |                               |
///
///     somebody who only asks            publisher
///         | --- Inspect ----------------> |  instead of Hello
///         | <-- Inspection + fd --------- |  what it says of itself (report.h), or Refused; then it is closed
///         |                               |
///       hang-up, or the peer's pidfd: the other side is gone
///
/// Hello, Welcome and the messages about a generation are the same for every content; Want and Granted are of frames.
///
/// Each message is one datagram of exactly `size` bytes that begins with a MessageHeader. A receiver ignores types it does
/// not know; everything else that is off closes the connection.
///
/// When a new version is due: peers speak only with their own, as both ends of a host are usually upgraded together and a
/// mapped generation leaves no room for half an understanding. So whatever changes the meaning or place of something that
/// a peer of this version reads (a field of a message, of a header or of a page; the order of stores; which descriptors
/// come) takes a new version. What such a peer never meets takes none: a new type of message that is sent only in
/// answer to another new one or that its receiver may ignore, a new content with its sections, which only who names it
/// in Hello.contents is given, and a use for what was reserved, where 0 keeps meaning what it did.
///
/// What lies unread in a socket pins what its descriptors name, and counts against the user's limit of them: so nothing with
/// descriptors is sent to a subscriber that has not taken up what it was sent before.
#pragma once

#include "protocol/layout.h"

#include <array>
#include <cstdint>

namespace cuframes::core {

enum class MessageType : uint32_t {
    hello = 1,
    welcome = 2,
    refused = 3,
    generation = 4,
    progress = 5,
    goodbye = 6,
    ended = 7,
    chunk = 8,
    want = 9,
    granted = 10,
    wake = 11,
    need = 12,
    inspect = 13,
    inspection = 14,
};

struct MessageHeader {
    uint32_t type;
    uint32_t size; ///< Of the whole message.
};

/// What a reader of frames asks for.
struct FrameWish {
    uint32_t leases;
    uint32_t least;  ///< With fewer it does not want to attach.
    uint32_t copies; ///< 1: one lease more, for the time of a copy only. No slot of a full ring is set aside for it.
    uint32_t grows;  ///< 1: `leases` is a first guess, and it sends Want when it needs more.
};

/// First message of a connection. `version` stays the first field in every version, so that each can refuse others.
struct Hello {
    static constexpr MessageType type = MessageType::hello;
    MessageHeader header;
    uint32_t version;
    uint32_t contents; ///< That it takes: bit_of() of each ContentKind. Only one of these is attached to.
    uint32_t mode;     ///< cuframes_mode
    uint32_t reserved;
    std::array<uint8_t, 16> boot_id; ///< Shared memory needs one kernel; a forwarded socket may lead to another.
    char name[64];                   ///< Zero-terminated.
    FrameWish frames;                ///< If it takes frames; else 0.
};

struct Welcome {
    static constexpr MessageType type = MessageType::welcome;
    MessageHeader header;
    uint32_t version;
    uint32_t content; ///< ContentKind: what there is.
    int32_t pid;      ///< The publisher's, in its own PID namespace.
    uint32_t ends;    ///< Of the stream, which were before this subscriber's time: not to be told.
    uint32_t granted; ///< Frames, leases: FrameWish.least to FrameWish.leases. FrameWish.copies comes on top. Else 0.
    uint32_t reserved;
};

struct Refused {
    static constexpr MessageType type = MessageType::refused;
    MessageHeader header;
    uint32_t version;
    int32_t error; ///< cuframes_error
    char message[496];
};

/// With the fds of the control memory, of this subscriber's page, and of the content's first part if it has any. Frames: the
/// first chunk of slots.
struct Generation {
    static constexpr MessageType type = MessageType::generation;
    MessageHeader header;
    uint64_t epoch;
    uint64_t control_size;
    uint64_t parts_size;
};

/// With one fd: a part behind those sent before, in the generation sent last. Frames: a chunk of GPU memory.
struct Chunk {
    static constexpr MessageType type = MessageType::chunk;
    MessageHeader header;
    uint32_t index; ///< 1 is the first: chunk 0 came with the generation.
    uint32_t reserved;
};

/// A frame reader's wish, in all and not on top. One at a time: the next after the answer to the last.
struct Want {
    static constexpr MessageType type = MessageType::want;
    MessageHeader header;
    uint32_t leases;
    uint32_t frames; ///< Newest frames that the ring should keep, whatever is leased of older ones.
};

/// In words that the publisher reads from now on. Never less than before.
struct Granted {
    static constexpr MessageType type = MessageType::granted;
    MessageHeader header;
    uint32_t leases;
    uint32_t frames; ///< That the ring keeps for all.
};

/// Sent to a subscriber that sleeps, once for each value of ReaderPage.sleeping. It says nothing but that there is something
/// to look at, so it need not be read before the subscriber looks. A message, and no descriptor that both share: whoever has
/// one can make the other's next call on it block.
struct Wake {
    static constexpr MessageType type = MessageType::wake;
    MessageHeader header;
};

/// From a subscriber that cannot go on with what it has. It is answered by what it was not sent yet: the newest generation
/// where that is not `epoch`, else the parts of `epoch` that came to be since; and by nothing while there is neither.
struct Need {
    static constexpr MessageType type = MessageType::need;
    MessageHeader header;
    uint64_t epoch; ///< Of the generation that came last.
};

struct Progress {
    static constexpr MessageType type = MessageType::progress;
    MessageHeader header;
};

struct Goodbye {
    static constexpr MessageType type = MessageType::goodbye;
    MessageHeader header;
};

/// The stream ended before there was any generation; later ends are in the shared memory.
struct Ended {
    static constexpr MessageType type = MessageType::ended;
    MessageHeader header;
    uint32_t ends; ///< Of the stream, this one included.
    uint32_t reserved;
};

/// First and only message of a connection by which nobody attaches. `version` as in Hello.
struct Inspect {
    static constexpr MessageType type = MessageType::inspect;
    MessageHeader header;
    uint32_t version;
    uint32_t reserved;
};

/// With the fd of a memfd that nobody changes any more.
struct Inspection {
    static constexpr MessageType type = MessageType::inspection;
    MessageHeader header;
    uint64_t size; ///< Of the report in it.
};

inline constexpr size_t max_message_size = 512;
inline constexpr size_t max_message_fds = 3;

static_assert(sizeof(Hello) == 120 && sizeof(Welcome) == 32 && sizeof(Refused) == 512 && sizeof(Generation) == 32 &&
              sizeof(Chunk) == 16 && sizeof(Want) == 16 && sizeof(Granted) == 16 && sizeof(Ended) == 16 &&
              sizeof(Wake) == 8 && sizeof(Need) == 16 && sizeof(Inspect) == 16 && sizeof(Inspection) == 16);
static_assert(sizeof(Refused) <= max_message_size);

} // namespace cuframes::core
