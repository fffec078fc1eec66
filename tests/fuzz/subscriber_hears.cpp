// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Datagrams as a subscriber hears them, of frames and of packets, from a publisher that says anything and sends whatever
// descriptors it likes. Input: what the subscriber reads, then datagrams, each with its size and its descriptors.
#include "cuframes/cuframes.hpp"
#include "descriptors.h"
#include "fuzz.h"
#include "publisher/frame_ring/ring_generation.h"
#include "raw_log.h"
#include "raw_peer.h"
#include "sound.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

using namespace cuframes::core;
using namespace cuframes::fuzz;
using cuframes::test::RawPeer;

namespace {

/// A descriptor that comes with a datagram.
enum class Sends : uint8_t { nothing, control, page, part, unsealed, too_short, device, socket, count };

struct Head {
    uint16_t size;
    std::array<uint8_t, 4> fds; ///< Sends
    uint16_t reads;             ///< Not 0: the subscriber then looks for what it has got.
};

std::shared_ptr<RingGeneration> sound_ring() {
    const GenerationConfig config = {CUFRAMES_MEMORY_HOST, one_plane(640, 48), "", 0, nullptr, 4, 8, 2, 0};
    auto made = RingGeneration::create(config, {7, 1, CUFRAMES_TIME_NONE});
    must(static_cast<bool>(made), "no ring");
    auto info = cuframes::frame_info(1);
    (*made)->describe(0, info, 1);
    (*made)->make_visible(0, 1);
    return std::move(*made);
}

/// Whoever listens in the place of a publisher, for all inputs.
class MadPublisher {
public:
    MadPublisher() : log_(*sound_log(20), 20), ring_(*sound_ring(), 0) {
        log_nothing();
        std::filesystem::create_directory(directory_);
        listening_ = RawPeer::listen(directory_ + "/cam.sock");
        must(::fcntl(listening_.get(), F_SETFL, O_NONBLOCK) == 0, "no socket");
        must(::ftruncate(unsealed_.get(), 1 << 20) == 0, "no memory");
        descriptors_ = open_descriptors();
    }

    cuframes::Subscriber join(cuframes_content content) const {
        auto options = cuframes::subscriber_options("cam");
        options.directory = directory_.c_str();
        options.content = content;
        options.start = content == CUFRAMES_CONTENT_PACKETS ? CUFRAMES_START_KEYFRAME : CUFRAMES_START_LIVE;
        auto made = cuframes::Subscriber::create(options);
        must(static_cast<bool>(made), "no subscriber");
        return std::move(*made);
    }
    RawPeer accept() const { return RawPeer::accept(listening_); }

    void begin() {
        log_.begin_at(20);
        ring_.begin_at(0);
        // One that was hung up on may have come again.
        while (cuframes::test::UniqueFd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid()) {
        }
    }

    int descriptor(Sends what, bool of_packets) const {
        const RawGeneration& from = of_packets ? log_ : ring_;
        switch (what) {
        case Sends::control:
            return from.control.fd.get();
        case Sends::page:
            return from.page.fd.get();
        case Sends::part:
            return from.part.fd.get();
        case Sends::unsealed:
            return unsealed_.get();
        case Sends::too_short:
            return too_short_.fd.get();
        case Sends::device:
            return device_.get();
        case Sends::socket:
            return listening_.get();
        case Sends::nothing:
        case Sends::count:
            break;
        }
        return -1;
    }
    const Generation& generation(bool of_packets) const { return (of_packets ? log_ : ring_).message; }

    void check() const { must_have_descriptors(descriptors_); }

private:
    const cuframes::test::TempDir temp_;
    const std::string directory_ = (temp_.path() / "ring").string();
    RawGeneration log_, ring_;
    const cuframes::test::UniqueFd unsealed_{::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    const SharedMemory too_short_ = RawGeneration::make(64);
    const cuframes::test::UniqueFd device_{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    cuframes::test::UniqueFd listening_;
    size_t descriptors_ = 0;
};

MadPublisher& publisher() {
    static MadPublisher one;
    return one;
}

/// Every byte of it is there. Whether there was one.
bool look(cuframes::Subscriber& reader, bool of_packets) {
    const auto read_all = [](const void* data, size_t size) {
        volatile uint8_t sum = 0;
        for (size_t i = 0; i < size; ++i) {
            sum = sum ^ static_cast<const uint8_t*>(data)[i];
        }
    };
    if (of_packets) {
        (void)reader.packet_window();
        auto packet = reader.next_packet(cuframes::not_at_all);
        if (packet) {
            read_all((*packet)->data, (*packet)->size);
        }
        return packet.has_value();
    }
    auto frame = reader.next(cuframes::not_at_all);
    if (frame) {
        read_all((*frame)->data, (*frame)->geometry->frame_size);
    }
    return frame.has_value();
}

/// Whether the subscriber got anything.
bool converse(cuframes::Subscriber& reader, bool of_packets, Input& input) {
    constexpr size_t most = 16;          // Datagrams.
    bool got = look(reader, of_packets); // Connects, and says hello.
    const RawPeer peer = publisher().accept();
    for (size_t i = 0; i < most && !input.empty(); ++i) {
        const auto head = input.take<Head>();
        const auto bytes = input.take_bytes(head.size % 600);
        std::vector<int> fds;
        for (const uint8_t what : head.fds) {
            const int fd =
                publisher().descriptor(static_cast<Sends>(what % static_cast<uint8_t>(Sends::count)), of_packets);
            if (fd >= 0) {
                fds.push_back(fd);
            }
        }
        if (!peer.send_bytes(bytes.data(), bytes.size(), fds)) {
            break; // It has left.
        }
        got = (head.reads != 0 && look(reader, of_packets)) || got;
    }
    got = look(reader, of_packets) || got;
    return look(reader, of_packets) || got;
}

// What inputs are made of.

class Speech {
public:
    explicit Speech(bool of_packets) : of_packets_(of_packets) { out_.put(static_cast<uint8_t>(of_packets)); }
    template <class M>
    Speech& say(M message, std::array<Sends, 4> sends = {}) {
        message.header = {static_cast<uint32_t>(M::type), sizeof(M)};
        Head head = {sizeof(M), {}, 1};
        std::transform(sends.begin(), sends.end(), head.fds.begin(), [](Sends s) { return static_cast<uint8_t>(s); });
        out_.put(head).put(message);
        return *this;
    }
    Speech& welcome() {
        Welcome message = RawPeer::valid_welcome();
        message.content = static_cast<uint32_t>(of_packets_ ? ContentKind::packets : ContentKind::frames);
        message.granted = of_packets_ ? 0 : 2;
        return say(message);
    }
    Speech& generation() {
        return say(publisher().generation(of_packets_), {Sends::control, Sends::page, Sends::part});
    }
    Bytes bytes() const { return out_.bytes(); }

private:
    const bool of_packets_;
    Output out_;
};

} // namespace

std::vector<Bytes> cuframes::fuzz::corpus() {
    Granted granted = {};
    granted.leases = granted.frames = 4;
    Ended ended = {};
    ended.ends = 1;
    Refused refused = {};
    refused.version = protocol_version;
    refused.error = CUFRAMES_ERROR_RING_FULL;
    std::strcpy(refused.message, "full");
    return {
        Speech(true).welcome().generation().say(Wake{}).bytes(),
        Speech(true).welcome().say(ended).generation().say(refused).bytes(),
        Speech(false).welcome().generation().say(granted).say(Wake{}).bytes(),
        Speech(false).welcome().say(ended).generation().say(Chunk{}, {Sends::part}).bytes(),
        Speech(false).welcome().generation().generation().bytes(),
    };
}

void cuframes::fuzz::finish() { publisher().check(); }

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input(data, size);
    const bool of_packets = input.take<uint8_t>() % 2 != 0;
    publisher().begin();
    auto reader = publisher().join(of_packets ? CUFRAMES_CONTENT_PACKETS : CUFRAMES_CONTENT_FRAMES);
    if (converse(reader, of_packets, input)) {
        got_through();
    }
    return 0;
}
