// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A packet log as its reader has it, while its publisher writes what it likes into it. Input: steps, each of them a word
// that the publisher writes or something that the reader does.
#include "base/utf8.h"
#include "fuzz.h"
#include "raw_log.h"
#include "subscriber/packet_log/attached_log.h"

#include <algorithm>

using namespace cuframes::core;
using namespace cuframes::fuzz;

namespace {

enum class Do : uint8_t { write, attach, take, look, end, pass, count };
enum class Region : uint8_t {
    control_header,
    stream_words,
    packets_header,
    packet_words,
    entries,
    caps,
    message,
    count
};

struct Step {
    uint8_t what;  ///< Do
    uint8_t which; ///< Region, or where to begin
    uint16_t word; ///< Of those of 8 bytes.
    uint32_t reserved;
    uint64_t value;
};

constexpr uint64_t packets = 20;

/// One for all inputs: what one of them has written is taken back before the next.
class Log {
public:
    Log()
        : raw_(*sound_log(packets), packets),
          entries_offset_(raw_.packets().entries_offset),
          caps_offset_(raw_.packets().caps_offset + sizeof(CapsEntry)),
          sound_(memory(0), memory(entries_offset_ + entries_size)),
          sound_caps_(memory(caps_offset_), memory(caps_offset_ + caps_size)) {}

    void restore() {
        std::copy(sound_.begin(), sound_.end(), memory(0));
        std::copy(sound_caps_.begin(), sound_caps_.end(), memory(caps_offset_));
        raw_.message.control_size = raw_.control.mapping.size();
        raw_.message.parts_size = raw_.part.mapping.size();
        raw_.begin_at(packets);
    }

    void write(Region region, uint16_t word, uint64_t value) {
        switch (region) {
        case Region::control_header:
            return write_at(0, word % 8, value);
        case Region::stream_words:
            return write_at(offsetof(ControlHeader, state), word % 6, value);
        case Region::packets_header:
            return write_at(sizeof(ControlHeader), word % 4, value);
        case Region::packet_words:
            return write_at(sizeof(ControlHeader) + offsetof(PacketsHeader, words), word % 2, value);
        case Region::entries:
            return write_at(entries_offset_, word % (entries_size / 8), value);
        case Region::caps:
            return write_at(caps_offset_, word % (caps_size / 8), value);
        case Region::message:
        case Region::count:
            break;
        }
        word % 3 == 0   ? raw_.begin_at(value)
        : word % 3 == 1 ? void(raw_.message.control_size = value)
                        : void(raw_.message.parts_size = value);
    }

    std::shared_ptr<AttachedLog> attach(const std::optional<StartWish>& wish) {
        count_ = raw_.packets().max_count;
        entries_ = raw_.packets().entries_offset;
        auto log = AttachedLog::open(std::make_shared<Link>(), raw_.datagram(), wish);
        if (!log) {
            return nullptr;
        }
        must(count_ > 0 && entries_ + count_ * sizeof(PacketEntry) <= raw_.control.mapping.size(), "entries beyond it");
        return *log;
    }

    /// It was in the log, and is what lies there.
    void check(const PacketCopy& packet) const {
        const cuframes_packet_view& view = packet.view();
        const auto& entry = raw_.at<PacketEntry>(entries_ + view.sequence % count_ * sizeof(PacketEntry));
        const uint64_t offset = entry.offset, size = uint64_t{view.size} + view.metadata_size;
        const Mapping& bytes = raw_.part.mapping;
        must(offset <= bytes.size() && size <= bytes.size() - offset, "a packet beyond the log");
        must(view.size <= CUFRAMES_MAX_PACKET_SIZE && view.metadata_size <= max_metadata_size, "a packet too large");
        must(size == 0 || std::memcmp(packet.bytes(), bytes.data() + offset, size) == 0, "not what lies there");
        must(std::strlen(view.caps) <= max_caps_size && is_utf8(view.caps), "caps that are no text");
    }
    void check(const cuframes_packet_window& window) const {
        must(window.packets <= count_ && window.keyframes <= window.packets, "more in the window than there can be");
    }

private:
    static constexpr uint64_t entries_size = (packets + 4) * sizeof(PacketEntry), caps_size = 32;

    std::byte* memory(uint64_t offset) const { return raw_.control.mapping.data() + offset; }
    void write_at(uint64_t begin, uint64_t word, uint64_t value) {
        std::memcpy(memory(begin + word * 8), &value, sizeof(value));
    }

    RawGeneration raw_;
    const uint64_t entries_offset_, caps_offset_;
    const std::vector<std::byte> sound_, sound_caps_;
    uint64_t count_ = 0, entries_ = 0; ///< As the reader has them.
};

std::optional<StartWish> wish_of(const Step& step) {
    constexpr uint8_t starts = 4;
    if (step.which % (starts + 1) == starts) {
        return {};
    }
    return StartWish{static_cast<cuframes_start>(step.which % starts), step.value, step.value};
}

/// Whether it took a packet.
bool take(const Log& log, AttachedLog& attached) {
    auto took = attached.take();
    auto* taken = took ? std::get_if<AttachedLog::Taken>(&*took) : nullptr;
    if (taken) {
        log.check(*taken->packet);
    }
    return taken != nullptr;
}

// What inputs are made of.

Step attach(cuframes_start start, uint64_t value = 0) {
    return {static_cast<uint8_t>(Do::attach), static_cast<uint8_t>(start), 0, 0, value};
}

Step write(Region region, uint16_t word, uint64_t value) {
    return {static_cast<uint8_t>(Do::write), static_cast<uint8_t>(region), word, 0, value};
}

Step just(Do what, uint64_t value = 0) { return {static_cast<uint8_t>(what), 0, 0, 0, value}; }

/// How many entries there are, and where, as the header says it in one word.
uint64_t places() {
    const RawGeneration raw(*sound_log(0), 0);
    return raw.packets().max_count | uint64_t{raw.packets().entries_offset} << 32;
}

Bytes input_of(const std::vector<Step>& steps) {
    Output out;
    for (const Step& step : steps) {
        out.put(step);
    }
    return out.bytes();
}

} // namespace

std::vector<Bytes> cuframes::fuzz::corpus() {
    constexpr uint16_t entry = sizeof(PacketEntry) / 8;
    const Step take = just(Do::take), look = just(Do::look);
    return {
        input_of({attach(CUFRAMES_START_KEYFRAME), take, take, look, take, take, take, take, just(Do::end)}),
        // The publisher goes on, with a keyframe.
        input_of({attach(CUFRAMES_START_LIVE), take, write(Region::entries, 21 * entry, 64),
                  write(Region::entries, 21 * entry + 5, 100),
                  write(Region::entries, 21 * entry + 6, uint64_t{1} << 32),
                  write(Region::packet_words, 0, Latest{21, 0}.pack()), take, look}),
        // From a time on, and what was begun with leaves.
        input_of(
            {attach(CUFRAMES_START_TIME, 250'000'000), take, write(Region::packet_words, 1, 11), look, take, take}),
        input_of({attach(CUFRAMES_START_PREROLL, UINT64_MAX), take, take, just(Do::pass, 18), take, take}),
        // One that ended.
        input_of({write(Region::stream_words, 3, 1), write(Region::stream_words, 5, 18),
                  attach(CUFRAMES_START_KEYFRAME), take, take, take, take, just(Do::end), take}),
        // The reader of an earlier generation, which begins with the oldest that there is.
        input_of({write(Region::message, 0, 0),
                  {static_cast<uint8_t>(Do::attach), 4, 0, 0, 0},
                  take,
                  look,
                  write(Region::entries, 3 * entry + 5, UINT32_MAX),
                  take,
                  take}),
        // The same header once more, by its words.
        input_of({write(Region::packets_header, 0, 1'000'000'000), write(Region::packets_header, 1, places()),
                  attach(CUFRAMES_START_KEYFRAME), take, look}),
        input_of({write(Region::control_header, 1, protocol_version | sizeof(ControlHeader) << 32),
                  write(Region::control_header, 4, 1), attach(CUFRAMES_START_KEYFRAME), take}),
        input_of({write(Region::caps, 0, 5), attach(CUFRAMES_START_KEYFRAME), take, write(Region::caps, 1, 'x'), take}),
    };
}

void cuframes::fuzz::finish() {}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t most = 64; // Steps: what more of them would find, fewer do.
    static Log log;
    log.restore();
    std::shared_ptr<AttachedLog> attached;
    Input input(data, size);
    for (size_t i = 0; i < most && !input.empty(); ++i) {
        const auto step = input.take<Step>();
        const auto what = static_cast<Do>(step.what % static_cast<uint8_t>(Do::count));
        if (what == Do::write) {
            log.write(static_cast<Region>(step.which % static_cast<uint8_t>(Region::count)), step.word, step.value);
        } else if (what == Do::attach) {
            attached = log.attach(wish_of(step));
        } else if (!attached) {
            continue;
        } else if (what == Do::take) {
            if (take(log, *attached)) {
                got_through();
            }
        } else if (what == Do::look) {
            log.check(attached->window());
            (void)attached->has_more();
        } else if (what == Do::end) {
            (void)attached->tell_end();
        } else {
            (void)attached->pass_to(step.value);
        }
    }
    return 0;
}
