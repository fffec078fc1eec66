// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Datagrams as a publisher hears them, of frames and of packets: whatever somebody says, the next reader is served as ever.
// Input: which publisher, then datagrams, each with its size and how many descriptors come with it.
#include "cuframes/cuframes.hpp"
#include "descriptors.h"
#include "fuzz.h"
#include "raw_peer.h"
#include "sound.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>

using namespace cuframes::core;
using namespace cuframes::fuzz;
using cuframes::test::RawPeer;

namespace {

struct Head {
    uint16_t size;
    uint16_t fds;
};

/// Two publishers, for all inputs.
class Publishers {
public:
    Publishers()
        : frames_(make("frames", CUFRAMES_CONTENT_FRAMES)), packets_(make("packets", CUFRAMES_CONTENT_PACKETS)) {
        log_nothing();
        const cuframes_geometry geometry = one_plane(64, 48);
        must(static_cast<bool>(frames_.configure(cuframes::ring_config(CUFRAMES_MEMORY_HOST, &geometry))), "no ring");
        serve_an_honest_one();
        descriptors_ = open_descriptors();
    }

    RawPeer connect(bool to_packets) const { return RawPeer::connect((to_packets ? packets_ : frames_).socket_path()); }
    int any_descriptor() const { return null_.get(); }

    /// They are as they were.
    void check() {
        serve_an_honest_one();
        must_have_descriptors(descriptors_);
        must(frames_.stats()->subscribers == 0 && packets_.stats()->subscribers == 0, "somebody is still attached");
    }

private:
    cuframes::Publisher make(const char* key, cuframes_content content) {
        auto options = cuframes::publisher_options(key);
        options.directory = directory_.c_str();
        options.content = content;
        auto made = cuframes::Publisher::create(options);
        must(static_cast<bool>(made), "no publisher");
        return std::move(*made);
    }

    cuframes::Subscriber join(const char* key, cuframes_content content) {
        auto options = cuframes::subscriber_options(key);
        options.directory = directory_.c_str();
        options.content = content;
        auto made = cuframes::Subscriber::create(options);
        must(made && made->connect(limit), "an honest reader is not admitted");
        return std::move(*made);
    }

    void serve_an_honest_one() {
        auto viewer = join("frames", CUFRAMES_CONTENT_FRAMES);
        auto slot = frames_.acquire();
        must(slot && slot->publish() && viewer.next(limit), "an honest reader gets no frame");
        auto recorder = join("packets", CUFRAMES_CONTENT_PACKETS);
        must(packets_.publish_packet("abc", 3) && recorder.next_packet(limit), "an honest reader gets no packet");
        viewer = join("frames", CUFRAMES_CONTENT_FRAMES); // That one has gone when its publisher has admitted this one.
        recorder = join("packets", CUFRAMES_CONTENT_PACKETS);
        viewer = cuframes::Subscriber(nullptr);
        recorder = cuframes::Subscriber(nullptr);
        const auto until = std::chrono::steady_clock::now() + limit;
        while (frames_.stats()->subscribers + packets_.stats()->subscribers > 0 &&
               std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    static constexpr std::chrono::milliseconds limit{60'000};

    const cuframes::test::TempDir temp_;
    const std::string directory_ = (temp_.path() / "ring").string();
    const cuframes::test::UniqueFd null_{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    cuframes::Publisher frames_, packets_;
    size_t descriptors_ = 0;
};

Publishers& publishers() {
    static Publishers both;
    return both;
}

/// Says all of it and hears what is said back. Whether it was admitted.
bool converse(const RawPeer& peer, Input& input) {
    constexpr size_t most = 16; // Datagrams: a few are enough for everything that there is to say.
    for (size_t i = 0; i < most && !input.empty(); ++i) {
        const auto head = input.take<Head>();
        const auto bytes = input.take_bytes(head.size % 600);
        const std::vector<int> fds(head.fds % 5, publishers().any_descriptor());
        if (!peer.send_bytes(bytes.data(), bytes.size(), fds)) {
            break; // It has hung up.
        }
    }
    ::shutdown(peer.fd(), SHUT_WR);
    bool admitted = false;
    for (auto heard = peer.receive(); !heard.bytes.empty(); heard = peer.receive()) {
        MessageHeader header = {};
        must(heard.bytes.size() >= sizeof(header), "a publisher sends less than a message");
        std::memcpy(&header, heard.bytes.data(), sizeof(header));
        must(header.size == heard.bytes.size(), "a publisher sends something else than it says");
        admitted = admitted || header.type == static_cast<uint32_t>(MessageType::generation);
    }
    return admitted;
}

// What inputs are made of.

class Speech {
public:
    explicit Speech(bool to_packets) { out_.put(static_cast<uint8_t>(to_packets)); }
    template <class M>
    Speech& say(M message) {
        message.header = {static_cast<uint32_t>(M::type), sizeof(M)};
        out_.put(Head{sizeof(M), 0}).put(message);
        return *this;
    }
    Bytes bytes() const { return out_.bytes(); }

private:
    Output out_;
};

Hello hello(ContentKind kind, cuframes_mode mode) {
    Hello out = RawPeer::valid_hello();
    out.contents = bit_of(kind);
    out.mode = mode;
    if (kind == ContentKind::packets) {
        out.frames = {};
    }
    return out;
}

Hello growing_hello() {
    Hello out = hello(ContentKind::frames, CUFRAMES_MODE_NEWEST);
    out.frames = {4, 1, 1, 1};
    return out;
}

} // namespace

std::vector<Bytes> cuframes::fuzz::corpus() {
    Want want = {};
    want.leases = 8;
    want.frames = 4;
    Need need = {};
    need.epoch = 1;
    return {
        Speech(false).say(hello(ContentKind::frames, CUFRAMES_MODE_STRICT)).say(Progress{}).say(Goodbye{}).bytes(),
        Speech(false).say(growing_hello()).say(want).say(want).say(need).say(Progress{}).say(Goodbye{}).bytes(),
        Speech(true).say(hello(ContentKind::packets, CUFRAMES_MODE_STRICT)).say(need).say(Progress{}).bytes(),
        Speech(true).say(hello(ContentKind::packets, CUFRAMES_MODE_NEWEST)).say(Goodbye{}).bytes(),
    };
}

void cuframes::fuzz::finish() { publishers().check(); }

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input(data, size);
    const RawPeer peer = publishers().connect(input.take<uint8_t>() % 2 != 0);
    if (converse(peer, input)) {
        got_through();
    }
    return 0;
}
