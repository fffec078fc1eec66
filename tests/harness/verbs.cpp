// SPDX-License-Identifier: LGPL-2.1-or-later
#include "verbs.h"

#include "child.h"

#include <sys/socket.h>

namespace cuframes::test {
namespace {

Message answer_to(const Verbs& verbs, const Message& request) {
    try {
        const auto found = verbs.find(request.verb());
        if (found == verbs.end()) {
            throw std::runtime_error("unknown verb " + request.verb());
        }
        return found->second(request);
    } catch (const CallFailed& failure) {
        return Message("error").set("code", failure.code()).set("text", failure.what());
    } catch (const std::exception& problem) {
        return Message("error").set("code", wrong_pixels).set("text", problem.what());
    }
}

} // namespace

std::optional<Message> read_line() {
    std::string text(64 * 1024, '\0');
    const ssize_t size = ::recv(child_line_fd, text.data(), text.size(), 0);
    if (size <= 0) {
        return std::nullopt;
    }
    text.resize(static_cast<size_t>(size));
    return Message::parse(text);
}

void obey(const Verbs& verbs, const Message& request) {
    const std::string reply = answer_to(verbs, request).encode();
    ::send(child_line_fd, reply.data(), reply.size(), MSG_NOSIGNAL);
}

} // namespace cuframes::test
