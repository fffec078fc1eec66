// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plain_verbs.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <stdexcept>
#include <string>

namespace cuframes::test {

Usage Usage::now() {
    timespec cpu = {};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    rusage used = {};
    ::getrusage(RUSAGE_SELF, &used);
    return {cpu.tv_sec * 1'000'000'000 + cpu.tv_nsec, used.ru_nvcsw + used.ru_nivcsw};
}

namespace {

Message ok() { return Message("ok"); }

/// The same for a publisher that has nothing to do: its service thread must sleep too.
Message usage(const Message&) {
    const Usage used = Usage::now();
    return ok().set("cpu_us", used.cpu_ns / 1000).set("switches", used.switches);
}

/// Gives up root for another user. After exec, so that the build directory need not be readable for that user.
Message become(const Message& request) {
    const auto id = static_cast<uid_t>(request.number("uid"));
    const bool done = ::setgroups(0, nullptr) == 0 && ::setresgid(id, id, id) == 0 && ::setresuid(id, id, id) == 0 &&
                      ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    if (!done) {
        throw std::runtime_error("cannot become uid " + std::to_string(id));
    }
    return ok();
}

/// Leaves a forked child behind that holds a copy of every fd of this process, as daemons and pool workers do. The
/// test ends it by its pid; the alarm does if the test cannot.
Message leave_fork_behind(const Message&) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(child_line_fd);
        ::alarm(60);
        ::pause();
        ::_exit(0);
    }
    return ok().set("pid", child);
}

} // namespace

void add_plain_verbs(Verbs& verbs) {
    verbs["usage"] = usage;
    verbs["become"] = become;
    verbs["leave_fork_behind"] = leave_fork_behind;
    verbs["ping"] = [](const Message&) { return ok().set("pid", ::getpid()); };
}

} // namespace cuframes::test
