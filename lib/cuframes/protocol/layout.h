// SPDX-License-Identifier: LGPL-2.1-or-later
/// The shared memory of a generation: the specification.
///
/// Memory is split by who writes it, so that a peer gone mad can only damage its own words. What is carried is a *content*.
/// Control memory and a reader's page begin with what every content has; behind that each has a section of its own.
///
///   control memfd   written by the publisher, sealed (SHRINK, GROW, FUTURE_WRITE), mapped read-only by subscribers
///     +--------------------+ 0
///     | ControlHeader      |   of every content; written once before the fd is sent, but for the words of StreamWords
///     +--------------------+ sizeof(ControlHeader)
///     | the content's own  |
///     +--------------------+ header.control_size
///
///   page memfd      one for each subscriber, made and sized by the publisher (SHRINK, GROW), written by the subscriber
///     | ReaderPage         |   of every content
///     | the content's own  |
///
///   parts           memory of the content beside that, which each content may have or not
///
/// Frames:
///
///   control memfd
///     +--------------------+ sizeof(ControlHeader)
///     | FramesHeader       |   written once, but for the words of FrameWords
///     +--------------------+ frames.caps_offset
///     | caps, UTF-8        |
///     +--------------------+ frames.records_offset
///     | SlotRecord[slots]  |   one per slot: sequence word, times, flags
///     +--------------------+ frames.metadata_offset
///     | metadata[slots]    |   frames.metadata_stride bytes a slot; pages never used are never committed
///     +--------------------+ header.control_size
///
///   page memfd      behind ReaderPage the lease words: see LeasePage
///
///   parts           chunks of frames.chunk_slots slots, frames.chunk_stride bytes from one to the next: a sealed memfd
///                   with one chunk, or CUDA VMM allocations, one for each chunk, side by side in one address range
///
/// Packets:
///
///   control memfd
///     +--------------------+ sizeof(ControlHeader)
///     | PacketsHeader      |   written once, but for the words of PacketWords
///     +--------------------+ packets.entries_offset
///     | PacketEntry[count] |   packet n in entry n mod count
///     +--------------------+ packets.caps_offset
///     | CapsEntry[count]   |   caps of version n in entry n mod packet_caps; pages never used are never committed
///     +--------------------+ header.control_size
///
///   page memfd      ReaderPage alone
///
///   parts           one: a sealed memfd with the packets' bytes, each packet's in a row, wherever there is room
///
/// What is there are the packets from PacketWords.tail to PacketWords.newest. The publisher overwrites entries, bytes
/// and caps of those before the tail only, after it has moved that (ring/tail.h). A subscriber copies a packet out and
/// looks at the tail afterwards: if that has passed the packet, what it copied may be anything.
///
/// A generation's layout never changes; new caps or a new publisher make a new one with a new epoch. The layout has
/// room for the most slots that the ring may grow to: growing writes to more of them, of which FrameWords.slots_in_use
/// tells. Host memory is sparse; GPU memory comes chunk by chunk, which a subscriber asks for when it meets them.
///
/// Life of a slot, as its sequence word tells it (0 is INVALID):
///
///     0 --acquire--> 0 --publish--> n --acquire--> 0 --publish--> m > n
///
/// Lease protocol (hazard-pointer shape; the search in tests/model shows it safe with a crash at every step):
///
///   subscriber: lease := slot + 1; seq_cst fence; re-read the slot's sequence; if it changed: lease := 0, try again
///   publisher:  sequence := 0; seq_cst fence; read every lease word; if one names the slot: restore the sequence and
///               take another slot
#pragma once

#include "cuframes/cuframes.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cuframes::core {

/// Peers speak only with their own version; messages.h says what makes a new one.
inline constexpr uint32_t protocol_version = 4;

inline constexpr uint64_t control_magic = 0x31676e6972756366; // "fcuring1", little-endian

/// What a publisher carries. A reader says in its Hello which it takes, by bit: 1 << kind.
enum class ContentKind : uint32_t {
    frames = 1,
    packets = 2,
    experiment = 31, ///< None that is delivered: for tests, and for who tries one out.
};

constexpr uint32_t bit_of(ContentKind kind) { return uint32_t{1} << static_cast<uint32_t>(kind); }

inline constexpr uint64_t invalid_sequence = 0;
inline constexpr uint32_t page_size = 4096;
inline constexpr uint32_t max_caps_size = 16 * 1024;
inline constexpr uint32_t max_metadata_size = 64 * 1024 * 1024;

/// Ends of stream whose place is known: all those that something still there came before.
inline constexpr uint32_t known_ends = 256;
static_assert(known_ends >= CUFRAMES_MAX_SLOTS);

/// A frame's sequence number and its slot in one word, so that both are read together: 48 bits last 74,000 years at
/// 120 frames/s. 0: nothing published yet.
struct Latest {
    uint64_t sequence;
    uint32_t slot;

    static constexpr Latest unpack(uint64_t word) { return {word >> 16, static_cast<uint32_t>(word & 0xffff)}; }
    constexpr uint64_t pack() const { return sequence << 16 | slot; }
};

enum class StreamState : uint32_t {
    live = 0,
    superseded = 1, ///< A newer generation exists: nothing more will be published here.
    eos = 2,        ///< The stream ended; a later frame makes it live again.
    closed = 3,     ///< The publisher closed without ending the stream.
};

/// The words of every content's header that change. Written by the publisher only.
struct StreamWords {
    alignas(64) std::atomic<uint64_t> last_sequence; ///< The newest number given out, of what was dropped too.
    std::atomic<uint32_t> stream;                    ///< StreamState
    std::atomic<uint32_t> publisher_waits;           ///< Not 0: send Progress after giving something back.
    std::atomic<uint64_t> latency;                   ///< Of the publisher's pipeline, ns; CUFRAMES_TIME_NONE: not told.
    std::atomic<uint32_t> ends;                      ///< How often the stream has ended, in this publisher's life.
    uint32_t reserved;
    /// The newest sequence number at each of the last ends: of end n in word n mod known_ends.
    std::array<std::atomic<uint64_t>, known_ends> end_positions;
};

/// What the control memory of every content begins with.
struct ControlHeader {
    uint64_t magic;
    uint32_t version;
    uint32_t header_size; ///< sizeof(ControlHeader): where the content's own section begins.
    uint32_t content;     ///< ContentKind
    uint32_t reserved;
    uint64_t epoch;
    uint64_t first_sequence; ///< Of the first item that this generation can hold.
    uint64_t control_size;
    uint64_t parts_size; ///< Bytes of the address range of all parts that there may ever be.
    StreamWords state;
};

/// The words of the frames' section that change. Written by the publisher only.
struct FrameWords {
    alignas(64) std::atomic<uint64_t> latest; ///< Latest
    std::atomic<uint32_t> slots_in_use;       ///< Frames lie in slots below this one only. Never falls.
    uint32_t reserved;
};

namespace wire {

/// cuframes_geometry as it is shared: the C struct may grow, this one only with the protocol's version.
struct Plane {
    uint64_t offset;
    uint32_t pitch;
    uint32_t row_bytes;
    uint32_t rows;
    uint32_t reserved;
};

struct Geometry {
    uint32_t width;
    uint32_t height;
    uint32_t plane_count;
    uint32_t reserved;
    char format[32];
    Plane planes[4];
    uint64_t frame_size;
};

} // namespace wire

/// What the control memory of frames has behind ControlHeader.
struct FramesHeader {
    uint64_t slot_stride;
    uint64_t chunk_stride; ///< From one chunk to the next.
    uint32_t slot_count;   ///< The most that the ring may grow to.
    uint32_t chunk_slots;  ///< Slots in each chunk of frame memory.
    uint32_t memory;       ///< cuframes_memory
    uint32_t caps_offset;
    uint32_t caps_size; ///< Without a terminating zero.
    uint32_t records_offset;
    uint32_t metadata_offset;
    uint32_t metadata_stride;
    std::array<uint8_t, 16> gpu_uuid; ///< Zero in host memory.
    wire::Geometry geometry;
    FrameWords words;
};

/// Everything but `sequence` is stable while the slot is leased, or held by the producer.
struct alignas(64) SlotRecord {
    std::atomic<uint64_t> sequence;
    uint64_t publish_time;
    std::atomic<uint64_t> pts; ///< Also looked at before leasing, to choose a frame.
    uint64_t dts;
    uint64_t duration;
    uint64_t offset;
    uint64_t offset_end;
    uint32_t flags;
    uint32_t metadata_size;
};

/// The words of the packets' section that change. Written by the publisher only.
struct PacketWords {
    alignas(64) std::atomic<uint64_t> newest; ///< Latest, of slot 0.
    std::atomic<uint64_t> tail; ///< The first packet that is there. Steps back only before anything is overwritten.
};

/// Media types that are kept: of those packets that are there, so many at most.
inline constexpr uint32_t packet_caps = 64;

/// Bytes that a packet begins at a multiple of.
inline constexpr uint32_t packet_alignment = 64;

/// What the control memory of packets has behind ControlHeader.
struct PacketsHeader {
    uint64_t max_time;  ///< Nanoseconds that are kept.
    uint32_t max_count; ///< Entries.
    uint32_t entries_offset;
    uint32_t caps_offset;
    uint32_t reserved;
    PacketWords words;
};

/// Metadata of a packet lies behind its data. Written before PacketWords.newest names it. All words are read one by one, as
/// they may be overwritten meanwhile.
struct alignas(64) PacketEntry {
    /// As `size`: a number that was given to a packet that is not there.
    static constexpr uint32_t nothing = UINT32_MAX;
    static constexpr uint32_t no_keyframe = UINT32_MAX;

    std::atomic<uint64_t> offset; ///< In the packets' memory.
    std::atomic<uint64_t> pts, dts, duration;
    std::atomic<uint64_t> publish_time;
    std::atomic<uint32_t> size;
    std::atomic<uint32_t> metadata_size;
    std::atomic<uint32_t> flags;
    std::atomic<uint32_t> caps;           ///< Version; 0: none.
    std::atomic<uint32_t> since_keyframe; ///< Numbers since the keyframe of its GOP. 0: it is one.
    uint32_t reserved;
};

struct CapsEntry {
    std::atomic<uint32_t> size;
    uint32_t reserved;
    char text[max_caps_size];
};

/// Words of one subscriber, whatever it reads. The publisher reads each once a use, masks it and checks its range.
struct ReaderPage {
    std::atomic<uint32_t> sleeping; ///< Not 0: send Wake after publishing. Another value for each sleep.
    uint32_t reserved;
    std::atomic<uint64_t> position; ///< Sequence of the newest item taken. Set by the publisher before sending.
    std::atomic<uint64_t> received;
    std::atomic<uint64_t> skipped;
    std::atomic<uint64_t> lost;
    std::atomic<uint32_t> adopted; ///< 1: the subscriber has this page, and can take the next generation.
};

/// The page of a subscriber that reads frames.
struct LeasePage {
    ReaderPage reader;
    alignas(64) std::array<std::atomic<uint32_t>, CUFRAMES_MAX_HELD + 1> leases; ///< slot + 1, or 0
};

inline constexpr uint64_t reader_page_size = page_size;

// The layout is a contract between processes, which may have been built by different compilers.
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint64_t>) == 8 && sizeof(std::atomic<uint32_t>) == 4);
static_assert(std::is_standard_layout_v<ControlHeader> && std::is_standard_layout_v<FramesHeader> &&
              std::is_standard_layout_v<SlotRecord> && std::is_standard_layout_v<LeasePage>);
static_assert(sizeof(wire::Plane) == 24 && sizeof(wire::Geometry) == 152);
static_assert(offsetof(ControlHeader, epoch) == 24 && offsetof(ControlHeader, parts_size) == 48 &&
              offsetof(ControlHeader, state) == 64 && offsetof(StreamWords, end_positions) == 32 &&
              sizeof(ControlHeader) == 2176);
static_assert(offsetof(FramesHeader, slot_count) == 16 && offsetof(FramesHeader, gpu_uuid) == 48 &&
              offsetof(FramesHeader, geometry) == 64 && offsetof(FramesHeader, words) == 256 &&
              sizeof(FramesHeader) == 320 && sizeof(ControlHeader) % alignof(FramesHeader) == 0);
static_assert(sizeof(SlotRecord) == 64);
static_assert(std::is_standard_layout_v<PacketsHeader> && std::is_standard_layout_v<PacketEntry> &&
              std::is_standard_layout_v<CapsEntry>);
static_assert(offsetof(PacketsHeader, words) == 64 && sizeof(PacketsHeader) == 128 && sizeof(PacketEntry) == 64 &&
              offsetof(PacketEntry, size) == 40 && sizeof(CapsEntry) == 8 + max_caps_size &&
              sizeof(ControlHeader) % alignof(PacketsHeader) == 0);
static_assert(offsetof(ReaderPage, position) == 8 && offsetof(ReaderPage, adopted) == 40 &&
              offsetof(LeasePage, leases) == 64 && sizeof(LeasePage) <= reader_page_size);

} // namespace cuframes::core
