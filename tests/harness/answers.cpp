// SPDX-License-Identifier: LGPL-2.1-or-later
#include "answers.h"

#include "verbs.h"

#include <chrono>
#include <thread>

namespace cuframes::test {

Message answer_of(const cuframes_publisher_stats& publisher) {
    return Message("ok")
        .set("subscribers", publisher.subscribers)
        .set("epoch", publisher.epoch)
        .set("last", publisher.last_sequence)
        .set("published", publisher.published)
        .set("dropped", publisher.dropped)
        .set("copied", publisher.copied)
        .set("lapped", publisher.lapped)
        .set("bytes", publisher.bytes)
        .set("waited_ns", publisher.waited_ns)
        .set("metadata_dropped", publisher.metadata_dropped)
        .set("refused", publisher.refused);
}

Message answer_of(const cuframes_subscriber_stats& subscriber) {
    return Message("ok")
        .set("state", static_cast<int>(subscriber.state))
        .set("epoch", subscriber.epoch)
        .set("last", subscriber.last_sequence)
        .set("received", subscriber.received)
        .set("skipped", subscriber.skipped)
        .set("lost", subscriber.lost)
        .set("reconnects", subscriber.reconnects)
        .set("held", subscriber.held)
        .set("max_held", subscriber.max_held)
        .set("publisher_pid", subscriber.publisher_pid);
}

Message answer_of(const std::vector<cuframes_subscriber_info>& all) {
    Message reply = Message("ok").set("count", all.size());
    for (size_t i = 0; i < all.size(); ++i) {
        const std::string suffix = std::to_string(i);
        reply.set("name" + suffix, all[i].name)
            .set("pid" + suffix, all[i].pid)
            .set("mode" + suffix, static_cast<int>(all[i].mode))
            .set("max_held" + suffix, all[i].max_held)
            .set("held" + suffix, all[i].held)
            .set("lag" + suffix, all[i].lag)
            .set("received" + suffix, all[i].received);
    }
    return reply;
}

void Departures::add(const cuframes_subscriber_info& who, cuframes_leave_reason reason) {
    const std::lock_guard lock(mutex_);
    list_ += std::string(who.name) + ':' + std::to_string(static_cast<int>(reason)) + ',';
}

Message Departures::answer() {
    const std::lock_guard lock(mutex_);
    return Message("ok").set("list", list_);
}

void States::add(cuframes_subscriber_state state) {
    const std::string name = cuframes_state_name(state);
    if (last_ != name) {
        list_ += (list_.empty() ? "" : " ") + name;
    }
    last_ = name;
}

Message read_all(const Message& request, uint64_t last, const std::function<Seen()>& take) {
    const std::string until = request.text("until");
    const auto count = static_cast<uint64_t>(request.number("count"));
    uint64_t received = 0, missed = 0, first = 0, generations = 0, ends = 0, epoch = 0;
    int ended = CUFRAMES_OK;
    while (ended == CUFRAMES_OK && (count == 0 || received < count)) {
        try {
            const Seen seen = take();
            first = received == 0 ? seen.sequence : first;
            generations += seen.epoch != epoch;
            epoch = seen.epoch;
            missed += seen.missed;
            last = seen.sequence;
            received += 1;
            std::this_thread::sleep_for(std::chrono::microseconds(request.number("pause_us")));
        } catch (const CallFailed& failure) {
            const int code = failure.code();
            if (code == CUFRAMES_ERROR_INTERRUPTED || (code == CUFRAMES_ERROR_EOS && until == "eos") ||
                (code == CUFRAMES_ERROR_PUBLISHER_GONE && until == "gone")) {
                ended = code;
            } else if (code == CUFRAMES_ERROR_EOS) {
                ends += 1;
            } else {
                throw;
            }
        }
    }
    return Message("ok")
        .set("ended", ended)
        .set("ends", ends)
        .set("received", received)
        .set("missed", missed)
        .set("generations", generations)
        .set("first", first)
        .set("last", last);
}

} // namespace cuframes::test
