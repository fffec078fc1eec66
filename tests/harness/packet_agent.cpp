// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Packets that hold the publisher's incarnation and their own number again and again, so that one that was overwritten while
// it was copied is seen to be. Each is a keyframe, and as large as it takes for `slots` of them to fill the log; or they are
// those of a camera.
#include "packet_agent.h"

#include "agent.h"
#include "answers.h"
#include "cuframes/cuframes.hpp"
#include "deadline.h"
#include "plain_verbs.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

namespace cuframes::test {
namespace {

Message ok() { return Message("ok"); }

template <class T>
T must(Result<T> result) {
    if (!result) {
        throw CallFailed(result.error().code);
    }
    return std::move(*result);
}
void must(const Status& status) {
    if (!status) {
        throw CallFailed(status.error().code);
    }
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

/// What the encoders of a camera make, in one log: a picture in every other packet, 25 a second, with a keyframe each ten
/// seconds, and sound between.
struct CameraPacket {
    size_t size;
    bool delta;

    explicit CameraPacket(uint64_t number) {
        const uint64_t picture = number / 2;
        const bool is_sound = number % 2 == 0, is_keyframe = !is_sound && picture % 250 == 0;
        size = is_sound ? 160 + picture % 11 * 8 : is_keyframe ? 120'000 : 4000 + picture * 37 % 512 * 8;
        delta = !is_keyframe;
    }
    static constexpr uint64_t apart = 20'000'000; ///< Nanoseconds.
};

class PacketPublisherRole {
public:
    void add_verbs(Verbs& verbs) {
        verbs["publisher"] = [this](const Message& request) { return create(request); };
        verbs["configure"] = [this](const Message&) {
            must(publisher_->set_caps("application/x-numbers"));
            return ok().set("epoch", must(publisher_->stats()).epoch);
        };
        verbs["publish"] = [this](const Message& request) { return publish(request); };
        verbs["eos"] = [this](const Message&) {
            must(publisher_->eos());
            return ok();
        };
        verbs["wait_subscribers"] = [this](const Message& request) {
            must(publisher_->wait_subscribers(static_cast<uint32_t>(request.number("count", 1)),
                                              Timeout(request.number("timeout", 20'000))));
            return ok();
        };
        verbs["publisher_stats"] = [this](const Message&) { return answer_of(must(publisher_->stats())); };
        verbs["window"] = [this](const Message&) {
            const auto window = must(publisher_->packet_window());
            return ok()
                .set("packets", window.packets)
                .set("bytes", window.bytes)
                .set("span", window.newest_time - window.oldest_time);
        };
        verbs["subscribers"] = [this](const Message&) { return answer_of(must(publisher_->subscribers())); };
        verbs["departures"] = [this](const Message&) { return departures_.answer(); };
        verbs["destroy_publisher"] = [this](const Message&) {
            publisher_.reset();
            return ok();
        };
    }

    void interrupt(bool on) {
        interrupted_.store(on);
        if (publisher_) {
            publisher_->set_interrupted(on);
        }
    }

private:
    Message create(const Message& request) {
        constexpr int64_t smallest = 64 * 1024;
        const auto bytes = static_cast<uint64_t>(request.number("log_bytes", smallest)); // 0: the default.
        const std::string key = request.text("key", "cam"), directory = request.text("dir");
        const std::string access = request.text("access");
        auto options = publisher_options(key.c_str());
        options.directory = or_null(directory);
        options.access = or_null(access);
        options.content = CUFRAMES_CONTENT_PACKETS;
        options.policy = request.text("policy") == "wait" ? CUFRAMES_POLICY_WAIT : CUFRAMES_POLICY_DROP;
        options.wait_timeout_ms = static_cast<uint32_t>(request.number("wait_ms", 1000));
        options.max_subscribers = static_cast<uint32_t>(request.number("max_subscribers"));
        options.max_bytes = bytes;
        options.on_subscriber_removed = removed;
        options.user_data = this;
        publisher_.emplace(must(Publisher::create(options)));
        words_ = bytes / static_cast<uint64_t>(request.number("slots", 8)) / 64 * 8;
        incarnation_ = static_cast<uint64_t>(request.number("incarnation", 1));
        last_ = 0;
        return ok().set("path", publisher_->socket_path());
    }

    Message publish(const Message& request) {
        const int64_t count = request.number("count", 1); // 0: until interrupted.
        for (int64_t done = 0; count == 0 ? !interrupted_.load() : done < count; ++done) {
            const CameraPacket of_camera(last_ + 1);
            const bool films = request.number("camera") != 0;
            const auto info =
                films ? packet_info(began_ + last_ * CameraPacket::apart, of_camera.delta) : packet_info();
            const size_t size = films ? of_camera.size / sizeof(uint64_t) : words_;
            const std::vector<uint64_t> words(size, incarnation_ << 40 | (last_ + 1));
            must(publisher_->publish_packet(words.data(), words.size() * sizeof(uint64_t), info));
            last_ += 1;
            if (request.number("ends")) {
                must(publisher_->eos());
            }
            std::this_thread::sleep_for(std::chrono::microseconds(request.number("pace_us")));
        }
        return ok().set("published", count).set("dropped", 0).set("last", last_);
    }

    static void removed(const cuframes_subscriber_info* who, cuframes_leave_reason reason, void* self) {
        static_cast<PacketPublisherRole*>(self)->departures_.add(*who, reason);
    }

    Departures departures_;
    std::atomic<bool> interrupted_{false};
    uint64_t incarnation_ = 1;
    uint64_t last_ = 0;
    size_t words_ = 0; ///< In each packet.
    const uint64_t began_ = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    std::optional<Publisher> publisher_;
};

class PacketReaderRole {
public:
    void add_verbs(Verbs& verbs) {
        verbs["subscriber"] = [this](const Message& request) { return create(request); };
        verbs["connect"] = [this](const Message& request) {
            must(reader_->connect(Timeout(request.number("timeout", 20'000))));
            return ok();
        };
        verbs["next"] = [this](const Message& request) {
            held_.push_back(take(request));
            const Packet& packet = held_.back();
            return ok()
                .set("sequence", packet->sequence)
                .set("incarnation", number_in(packet) >> 40)
                .set("epoch", packet->epoch)
                .set("missed", packet->missed)
                .set("discontinuity", static_cast<int>(packet->discontinuity));
        };
        verbs["read"] = [this](const Message& request) { return read(request); };
        verbs["check"] = [this](const Message&) {
            std::for_each(held_.begin(), held_.end(), number_in);
            return ok().set("held", held_.size());
        };
        verbs["release"] = [this](const Message&) {
            held_.clear();
            return ok().set("held", 0);
        };
        verbs["poll"] = [this](const Message& request) {
            pollfd waiting = {reader_->fd(), POLLIN, 0};
            const auto limit = scaled(milliseconds(request.number("timeout", 20'000)));
            return ok().set("readable", ::poll(&waiting, 1, static_cast<int>(limit.count())));
        };
        verbs["idle"] = [this](const Message& request) {
            const Usage before = Usage::now();
            const auto got = reader_->next_packet(Timeout(request.number("timeout", 1000)));
            const Usage after = Usage::now();
            return ok()
                .set("result", got ? static_cast<int>(CUFRAMES_OK) : got.error().code)
                .set("cpu_us", (after.cpu_ns - before.cpu_ns) / 1000)
                .set("switches", after.switches - before.switches);
        };
        verbs["subscriber_stats"] = [this](const Message&) { return answer_of(must(reader_->stats())); };
        verbs["states"] = [this](const Message&) { return ok().set("list", states_.list()); };
        verbs["destroy_subscriber"] = [this](const Message&) {
            reader_.reset();
            return ok();
        };
    }

    void interrupt(bool on) {
        if (reader_) {
            reader_->set_interrupted(on);
        }
    }

private:
    Message create(const Message& request) {
        states_.clear();
        last_.reset();
        const std::string key = request.text("key", "cam"), directory = request.text("dir");
        const std::string name = request.text("name", "reader");
        auto options = subscriber_options(key.c_str());
        options.directory = or_null(directory);
        options.name = name.c_str();
        options.content = CUFRAMES_CONTENT_PACKETS;
        options.start = CUFRAMES_START_KEYFRAME;
        options.mode = request.text("mode", "strict") == "newest" ? CUFRAMES_MODE_NEWEST : CUFRAMES_MODE_STRICT;
        options.connect_timeout_ms = request.number("connect_timeout");
        options.end_when_gone = request.number("end_when_gone") != 0;
        options.on_state = state_changed;
        options.user_data = this;
        reader_.emplace(must(Subscriber::create(options)));
        return ok();
    }

    /// The one that is all through the packet.
    static uint64_t number_in(const Packet& packet) {
        std::vector<uint64_t> words(packet->size / sizeof(uint64_t));
        std::memcpy(words.data(), packet->data, words.size() * sizeof(uint64_t));
        if (words.empty() || std::adjacent_find(words.begin(), words.end(), std::not_equal_to<>()) != words.end()) {
            throw std::runtime_error("packet " + std::to_string(packet->sequence) + " is torn");
        }
        return words.front();
    }

    /// Every number between two packets of a publisher is accounted for, and each is what its publisher wrote.
    Packet take(const Message& request) {
        Packet packet = must(reader_->next_packet(Timeout(request.number("timeout", 20'000))));
        const uint64_t number = number_in(packet);
        const bool same = last_ && number >> 40 == number_in(*last_) >> 40;
        if ((number & 0xff'ffff'ffff) != packet->sequence || (!same && !packet->discontinuity) ||
            (same && packet->sequence != (*last_)->sequence + packet->missed + 1)) {
            throw std::runtime_error("packet " + std::to_string(packet->sequence) + " is not what was published");
        }
        last_ = packet;
        return packet;
    }

    Message read(const Message& request) {
        const Message reply = read_all(request, last_ ? (*last_)->sequence : 0, [&] {
            held_.push_back(take(request));
            const Seen seen{held_.back()->sequence, held_.back()->epoch, held_.back()->missed};
            if (held_.size() > static_cast<size_t>(request.number("hold"))) {
                held_.erase(held_.begin());
            }
            return seen;
        });
        if (!request.number("keep")) {
            held_.clear();
        }
        return reply;
    }

    static void state_changed(cuframes_subscriber_state state, uint64_t, int32_t, void* self) {
        static_cast<PacketReaderRole*>(self)->states_.add(state);
    }

    States states_;
    std::optional<Packet> last_;
    std::vector<Packet> held_;
    std::optional<Subscriber> reader_;
};

} // namespace

int packet_agent_main() {
    PacketPublisherRole publisher;
    PacketReaderRole reader;
    Verbs verbs;
    publisher.add_verbs(verbs);
    reader.add_verbs(verbs);
    add_plain_verbs(verbs);
    return run_agent(verbs, [&](bool on) {
        publisher.interrupt(on);
        reader.interrupt(on);
    });
}

} // namespace cuframes::test
