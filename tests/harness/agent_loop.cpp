// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace cuframes::test {
namespace {

/// Lines on their way from the thread that reads them to the one that obeys.
class Inbox {
public:
    void put(Message message) {
        const std::lock_guard lock(mutex_);
        messages_.push_back(std::move(message));
        changed_.notify_one();
    }
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_one();
    }
    std::optional<Message> take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || !messages_.empty(); });
        if (messages_.empty()) {
            return std::nullopt;
        }
        Message message = std::move(messages_.front());
        messages_.pop_front();
        return message;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Message> messages_;
    bool closed_ = false;
};

} // namespace

int run_agent(const Verbs& verbs, const std::function<void(bool)>& interrupt) {
    Inbox inbox;
    std::thread worker([&] {
        while (const std::optional<Message> request = inbox.take()) {
            obey(verbs, *request);
        }
    });
    while (const std::optional<Message> line = read_line()) {
        if (line->verb() == "interrupt") {
            interrupt(line->number("on", 1) != 0);
        } else {
            inbox.put(*line);
        }
    }
    // The test has closed the line: what still runs ends, then everything is taken down in order.
    interrupt(true);
    inbox.close();
    worker.join();
    return 0;
}

} // namespace cuframes::test
