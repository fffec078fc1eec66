// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The agent of the conformance suite, with the same verbs, for records in the place of frames.
#include "agent.h"

#include "answers.h"
#include "api/api.h"
#include "deadline.h"
#include "plain_verbs.h"
#include "publisher.h"
#include "reader.h"

#include <poll.h>

#include <algorithm>
#include <thread>

namespace cuframes::test {
namespace {

using namespace core;

Message ok() { return Message("ok"); }

template <class T>
T must(Result<T> result) {
    if (!result) {
        throw CallFailed(api::fail(result.error()));
    }
    return std::move(*result);
}
void must(const Result<>& result) {
    if (!result) {
        throw CallFailed(api::fail(result.error()));
    }
}

std::string directory_of(const Message& request) {
    return request.text("dir").empty() ? default_directory() : request.text("dir");
}

/// Publishes records with the incarnation and the sequence number in them.
class RecordPublisherRole {
public:
    void add_verbs(Verbs& verbs) {
        verbs["publisher"] = [this](const Message& request) { return create(request); };
        verbs["configure"] = [this](const Message&) {
            must(publisher_->configure());
            return ok().set("epoch", publisher_->membership().stats().epoch);
        };
        verbs["publish"] = [this](const Message& request) { return publish(request); };
        verbs["eos"] = [this](const Message&) {
            publisher_->membership().eos();
            return ok();
        };
        verbs["wait_subscribers"] = [this](const Message& request) {
            must(publisher_->membership().wait_subscribers(static_cast<uint32_t>(request.number("count", 1)),
                                                           request.number("timeout", 20'000)));
            return ok();
        };
        verbs["publisher_stats"] = [this](const Message&) { return answer_of(publisher_->membership().stats()); };
        verbs["subscribers"] = [this](const Message&) { return answer_of(publisher_->membership().subscribers()); };
        verbs["departures"] = [this](const Message&) { return departures_.answer(); };
        verbs["destroy_publisher"] = [this](const Message&) {
            publisher_.reset();
            return ok();
        };
    }

    void interrupt(bool on) {
        if (publisher_) {
            publisher_->membership().set_interrupted(on);
        }
    }

private:
    Message create(const Message& request) {
        const std::string access = request.text("access");
        auto rule = must(AccessRule::parse(access.empty() ? nullptr : access.c_str()));
        MembershipOptions options{
            request.text("key", "cam"),
            directory_of(request),
            std::move(rule),
            request.text("policy") == "wait" ? CUFRAMES_POLICY_WAIT : CUFRAMES_POLICY_DROP,
            static_cast<uint32_t>(request.number("wait_ms", 1000)),
            static_cast<uint32_t>(request.number("max_subscribers", CUFRAMES_DEFAULT_MAX_SUBSCRIBERS)),
            nullptr,
            removed,
            this};
        publisher_ =
            must(RecordPublisher::create(std::move(options), static_cast<uint32_t>(request.number("slots", 8))));
        incarnation_ = static_cast<uint64_t>(request.number("incarnation", 1));
        last_ = 0;
        return ok().set("path", publisher_->membership().path());
    }

    Message publish(const Message& request) {
        const int64_t count = request.number("count", 1);
        for (int64_t done = 0; done < count; ++done) {
            must(publisher_->publish(incarnation_ << 40 | (last_ + 1)));
            last_ += 1;
            if (request.number("ends")) {
                publisher_->membership().eos();
            }
            std::this_thread::sleep_for(std::chrono::microseconds(request.number("pace_us")));
        }
        return ok().set("published", count).set("dropped", 0).set("last", last_);
    }

    static void removed(const cuframes_subscriber_info* who, cuframes_leave_reason reason, void* self) {
        static_cast<RecordPublisherRole*>(self)->departures_.add(*who, reason);
    }

    Departures departures_;
    uint64_t incarnation_ = 1;
    uint64_t last_ = 0;
    std::unique_ptr<RecordPublisher> publisher_;
};

/// Reads them and checks what is in them. They are copies: those held are no more than counted.
class RecordReaderRole {
public:
    void add_verbs(Verbs& verbs) {
        verbs["subscriber"] = [this](const Message& request) { return create(request); };
        verbs["connect"] = [this](const Message& request) {
            must(reader_->connector().attach(request.number("timeout", 20'000)));
            return ok();
        };
        verbs["next"] = [this](const Message& request) {
            const RecordReader::Item item = take(request);
            held_ += 1;
            return ok()
                .set("sequence", item.sequence)
                .set("incarnation", item.number >> 40)
                .set("epoch", item.epoch)
                .set("missed", item.missed)
                .set("discontinuity", static_cast<int>(item.discontinuity));
        };
        verbs["read"] = [this](const Message& request) { return read(request); };
        verbs["check"] = [this](const Message&) { return ok().set("held", held_); };
        verbs["release"] = [this](const Message&) {
            held_ = 0;
            return ok().set("held", 0);
        };
        verbs["poll"] = [this](const Message& request) {
            pollfd waiting = {reader_->connector().fd(), POLLIN, 0};
            const auto limit = scaled(milliseconds(request.number("timeout", 20'000)));
            return ok().set("readable", ::poll(&waiting, 1, static_cast<int>(limit.count())));
        };
        verbs["idle"] = [this](const Message& request) {
            const Usage before = Usage::now();
            const auto got = reader_->next(request.number("timeout", 1000));
            const Usage after = Usage::now();
            return ok()
                .set("result", got ? static_cast<int>(CUFRAMES_OK) : got.error().code)
                .set("cpu_us", (after.cpu_ns - before.cpu_ns) / 1000)
                .set("switches", after.switches - before.switches);
        };
        verbs["subscriber_stats"] = [this](const Message&) { return answer_of(reader_->connector().stats()); };
        verbs["states"] = [this](const Message&) { return ok().set("list", states_.list()); };
        verbs["destroy_subscriber"] = [this](const Message&) {
            reader_.reset();
            return ok();
        };
    }

    void interrupt(bool on) {
        if (reader_) {
            reader_->connector().set_interrupted(on);
        }
    }

private:
    Message create(const Message& request) {
        states_.clear();
        last_ = {};
        reader_ = must(RecordReader::create(
            {request.text("key", "cam"), request.text("dir"), request.text("name", "reader"),
             request.text("mode", "strict") == "newest" ? CUFRAMES_MODE_NEWEST : CUFRAMES_MODE_STRICT,
             request.number("connect_timeout"), request.number("end_when_gone") != 0, state_changed, this}));
        return ok();
    }

    /// Every number between two items of a publisher is accounted for, and each is what its publisher wrote.
    RecordReader::Item take(const Message& request) {
        const RecordReader::Item item = must(reader_->next(request.number("timeout", 20'000)));
        const bool same = last_.sequence != 0 && item.number >> 40 == last_.number >> 40;
        if ((item.number & 0xff'ffff'ffff) != item.sequence || (!same && !item.discontinuity) ||
            (same && item.sequence != last_.sequence + item.missed + 1)) {
            throw std::runtime_error("record " + std::to_string(item.sequence) + " is not what was published");
        }
        last_ = item;
        return item;
    }

    Message read(const Message& request) {
        const Message reply = read_all(request, last_.sequence, [&] {
            const RecordReader::Item item = take(request);
            return Seen{item.sequence, item.epoch, item.missed};
        });
        const int64_t kept = std::min(held_ + reply.number("received"), request.number("hold"));
        held_ = request.number("keep") ? kept : 0;
        return reply;
    }

    static void state_changed(cuframes_subscriber_state state, uint64_t, int32_t, void* self) {
        static_cast<RecordReaderRole*>(self)->states_.add(state);
    }

    States states_;
    RecordReader::Item last_ = {};
    int64_t held_ = 0;
    std::unique_ptr<RecordReader> reader_;
};

} // namespace
} // namespace cuframes::test

int main() {
    using namespace cuframes::test;
    RecordPublisherRole publisher;
    RecordReaderRole reader;
    Verbs verbs;
    publisher.add_verbs(verbs);
    reader.add_verbs(verbs);
    add_plain_verbs(verbs);
    return run_agent(verbs, [&](bool on) {
        publisher.interrupt(on);
        reader.interrupt(on);
    });
}
