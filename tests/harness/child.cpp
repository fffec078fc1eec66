// SPDX-License-Identifier: LGPL-2.1-or-later
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <vector>

extern char** environ;

namespace cuframes::test {
namespace {

constexpr size_t longest_line = 128 * 1024;

std::string reason(const std::string& what) { return what + ": " + std::strerror(errno); }

std::vector<std::string> make_environment(const std::map<std::string, std::string>& changes) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry; ++entry) {
        const std::string pair = *entry;
        if (changes.count(pair.substr(0, pair.find('='))) == 0) {
            result.push_back(pair);
        }
    }
    for (const auto& [name, value] : changes) {
        if (!value.empty()) {
            result.push_back(name + '=' + value);
        }
    }
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& text : strings) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

/// What a container gets: its own /proc and /dev/shm, in no other mount namespace. In a chroot "/" is no mount point
/// that could be made private, but what is mounted over is. Between fork and exec, hence system calls only.
bool furnish_mount_namespace() {
    constexpr unsigned long alone = MS_REC | MS_PRIVATE;
    const bool sealed =
        ::mount("none", "/", nullptr, alone, nullptr) == 0 || (::mount("none", "/dev", nullptr, alone, nullptr) == 0 &&
                                                               ::mount("none", "/proc", nullptr, alone, nullptr) == 0);
    return sealed && ::mount("tmpfs", "/dev/shm", "tmpfs", 0, nullptr) == 0 &&
           ::mount("proc", "/proc", "proc", 0, nullptr) == 0;
}

/// The child's side of the spawn. A step that fails is told on the line, as an agent tells a failed call.
[[noreturn]] void start_child(const ChildOptions& options, const char* program, int line, char** arguments,
                              char** variables) {
    const bool ready = ::dup2(line, child_line_fd) == child_line_fd &&
                       ((options.clone_flags & CLONE_NEWNS) == 0 || furnish_mount_namespace()) &&
                       ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    if (ready) {
        // Whoever runs the tests may have blocked or ignored signals that the test sends.
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::execve(program, arguments, variables);
    }
    const std::string text = "error text=starting%20failed%20with%20errno%20" + std::to_string(errno);
    ::_exit(::write(child_line_fd, text.data(), text.size()) > 0 ? 126 : 125);
}

} // namespace

Child::Child(const ChildOptions& options) : role_(options.role) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        throw ChildError(reason("socketpair"));
    }
    line_ = UniqueFd(ends[0]);
    // Above fd 3, so that dup2() to 3 is a real one and drops CLOEXEC.
    const UniqueFd low_end(ends[1]);
    const UniqueFd far_end(::fcntl(ends[1], F_DUPFD_CLOEXEC, 100));
    // By its name: a descriptor from another mount namespace would hide from the loader where the program lies.
    const std::string program =
        options.program.empty() ? std::filesystem::read_symlink("/proc/self/exe").string() : options.program;
    std::vector<std::string> arguments = {"test-child", "--role=" + options.role};
    std::vector<std::string> variables = make_environment(options.environment);
    const std::vector<char*> argument_pointers = pointers(arguments);
    const std::vector<char*> variable_pointers = pointers(variables);
    // The raw call is fork() with namespace flags.
    pid_ = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD | options.clone_flags, nullptr, nullptr, nullptr, nullptr));
    if (pid_ == 0) {
        start_child(options, program.c_str(), far_end.get(), const_cast<char**>(argument_pointers.data()),
                    const_cast<char**>(variable_pointers.data()));
    }
    if (pid_ < 0) {
        throw ChildError(reason("clone"));
    }
    pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_.valid()) {
        throw ChildError(reason("pidfd_open"));
    }
}

Child::~Child() {
    if (running()) {
        kill();
    }
}

void Child::send(const Message& message) {
    const std::string line = message.encode();
    if (::send(line_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
        throw ChildError(reason("sending '" + line + "' to " + role_));
    }
}

Message Child::receive(milliseconds limit) {
    pollfd ready = {line_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(scaled(limit).count()));
    if (count == 0) {
        kill();
        throw ChildError(role_ + " did not answer in time and was killed");
    }
    std::string text(longest_line, '\0');
    const ssize_t size = ::recv(line_.get(), text.data(), text.size(), 0);
    if (size <= 0) {
        const int status = reap(limit);
        throw ChildError(role_ + " ended before it answered, wait status " + std::to_string(status));
    }
    text.resize(static_cast<size_t>(size));
    return Message::parse(text);
}

void Child::signal(int number) {
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0) {
        throw ChildError(reason("signal"));
    }
}

void Child::kill() {
    signal(SIGKILL);
    reap(default_limit);
}

void Child::stop() {
    signal(SIGSTOP);
    int status = 0;
    if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) {
        throw ChildError(role_ + " did not stop");
    }
}

void Child::resume() { signal(SIGCONT); }

int Child::finish(milliseconds limit) {
    line_.reset();
    return reap(limit);
}

int Child::reap(milliseconds limit) {
    pollfd ended = {pidfd_.get(), POLLIN, 0};
    if (::poll(&ended, 1, static_cast<int>(scaled(limit).count())) == 0) {
        ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
        throw ChildError(role_ + " did not end in time and was killed");
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
}

} // namespace cuframes::test
