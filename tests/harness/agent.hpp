// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "child.hpp"
#include "cuframes/cuframes.h"

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

namespace cuframes::test {

/// What the child does on each verb; it returns the rest of the "ok" line.
using Verbs = std::map<std::string, std::function<Message(const Message&)>>;

/// A call of the library that failed: answered to the test as `error code=… text=…`.
class CallFailed : public std::runtime_error {
public:
    explicit CallFailed(int code) : std::runtime_error(cuframes_last_error_message()), code_(code) {}
    int code() const { return code_; }

private:
    int code_;
};

inline int must(int result) {
    if (result < 0) {
        throw CallFailed(result);
    }
    return result;
}

/// Code of an `error` answer that is not the library's: pixels were wrong, or the test asked for nonsense.
inline constexpr int wrong_pixels = -1000;

/// main() of a child with such verbs. `interrupt` is called from the thread that hears that line, while another one runs.
int run_agent(const Verbs& verbs, const std::function<void(bool)>& interrupt);

/// main() of a child in the role "agent": publisher, subscriber or both, one verb at a time. The verbs `interrupt` and
/// `stop` are obeyed while another one runs.
int agent_main();

/// An agent as its test sees it.
class Agent : public Child {
public:
    explicit Agent(ChildOptions options = {}) : Child(options) {}

    /// Sends a line and returns the answer, be it "ok" or "error".
    Message ask(const std::string& line, milliseconds limit = default_limit) {
        send(line);
        return receive(limit);
    }
    /// As ask(), for what has to succeed.
    Message call(const std::string& line, milliseconds limit = default_limit) {
        send(line);
        return answer(line, limit);
    }
    /// The answer to an earlier send(), which has to be "ok".
    Message answer(const std::string& question = "an earlier line", milliseconds limit = default_limit) {
        const Message reply = receive(limit);
        if (reply.verb() != "ok") {
            throw ChildError("'" + question + "' failed: " +
                             cuframes_error_name(static_cast<int>(reply.number("code"))) + ": " + reply.text("text"));
        }
        return reply;
    }
};

} // namespace cuframes::test
