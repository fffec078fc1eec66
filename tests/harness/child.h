// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "deadline.h"
#include "message.h"
#include "unique_fd.h"

#include <sys/types.h>

#include <map>
#include <stdexcept>
#include <string>

namespace cuframes::test {

/// What a test throws when a child does not behave; GoogleTest reports it and unwinding ends the children.
class ChildError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct ChildOptions {
    std::string role = "agent";
    std::string program;                            ///< Empty: this same one.
    std::map<std::string, std::string> environment; ///< On top of the parent's; an empty value removes the name.
    int clone_flags = 0;                            ///< CLONE_NEW… for a child in namespaces of its own.
};

/// A process of this same program in another role, or of another one: spawned with fork and an immediate exec, which
/// CUDA requires. The other end of a socket pair is its fd 3. It never outlives the parent, nor this object.
class Child {
public:
    explicit Child(const ChildOptions& options);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    pid_t pid() const { return pid_; }

    void send(const Message& message);
    void send(const std::string& line) { send(Message::parse(line)); }

    /// The child's next line. Throws when it died, or the limit passed (the child is then killed).
    Message receive(milliseconds limit = default_limit);

    void signal(int number);
    /// SIGKILL, and waits until the process is gone.
    void kill();
    /// SIGSTOP, and waits until every thread of it has stopped.
    void stop();
    void resume();
    /// Closes the line, upon which an agent ends by itself; returns its wait status.
    int finish(milliseconds limit = default_limit);
    bool running() const { return pid_ > 0; }

private:
    int reap(milliseconds limit);

    std::string role_;
    pid_t pid_ = -1;
    UniqueFd pidfd_;
    UniqueFd line_;
};

/// Fd of a child's end of the line.
inline constexpr int child_line_fd = 3;

} // namespace cuframes::test
