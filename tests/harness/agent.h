// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "child.h"
#include "cuframes/cuframes.h"
#include "verbs.h"

#include <functional>
#include <string>

namespace cuframes::test {

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
