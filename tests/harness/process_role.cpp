// SPDX-License-Identifier: LGPL-2.1-or-later
#include "process_role.h"

#include "fake_cuda.h"
#include "plain_verbs.h"
#include "publisher_role.h"
#include "subscriber_role.h"

#include <dlfcn.h>
#include <grp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace cuframes::test {
namespace {

Message ok() { return Message("ok"); }

/// Sleeps in next() and says what that cost.
Message idle(const Message& request, SubscriberRole& subscriber) {
    const Usage before = Usage::now();
    cuframes_frame* frame = nullptr;
    const int result = cuframes_subscriber_next(subscriber.handle(), request.number("timeout", 1000), &frame);
    const Usage after = Usage::now();
    cuframes_frame_unref(frame);
    return ok()
        .set("result", result)
        .set("cpu_us", (after.cpu_ns - before.cpu_ns) / 1000)
        .set("switches", after.switches - before.switches);
}

int64_t count_lines(const char* path) {
    std::ifstream file(path);
    int64_t lines = 0;
    for (std::string line; std::getline(file, line); ++lines) {
    }
    return lines;
}

/// Mappings of files and memfds. Anonymous ones belong to malloc and thread stacks, whose number says nothing.
int64_t count_shared_mappings() {
    std::ifstream file("/proc/self/maps");
    int64_t count = 0;
    for (std::string line; std::getline(file, line);) {
        count += line.find("memfd:") != std::string::npos;
    }
    return count;
}

Message resources(const Message&) {
    ::malloc_trim(0);
    const auto fds = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    const auto threads = std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
    Message reply = ok().set("fds", fds)
                        .set("threads", threads)
                        .set("memfds", count_shared_mappings())
                        .set("maps", count_lines("/proc/self/maps"))
                        .set("heap", ::mallinfo2().uordblks);
    void* driver = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    const auto stats =
        driver ? reinterpret_cast<decltype(&fake_cuda_stats)>(::dlsym(driver, "fake_cuda_stats")) : nullptr;
    if (stats) {
        FakeCudaStats alive = {};
        stats(&alive);
        reply.set("cuda_objects", alive.streams + alive.events + alive.allocations + alive.host_registrations +
                                      alive.vmm_handles + alive.reservations + alive.mappings);
        reply.set("cuda_bytes", alive.allocation_bytes + alive.vmm_bytes);
    }
    if (driver) {
        ::dlclose(driver);
    }
    return reply;
}

/// In a forked child: every call on the parent's handles has to refuse, and destroying them must harm nobody. Returns
/// how many calls did not.
int use_handles_after_fork(cuframes_publisher* publisher, cuframes_subscriber* subscriber, cuframes_frame* frame) {
    int wrong = 0;
    const auto refuses = [&](int result) { wrong += result != CUFRAMES_ERROR_FORKED; };
    if (publisher) {
        cuframes_slot* slot = nullptr;
        cuframes_publisher_stats stats;
        CUFRAMES_INIT(stats);
        refuses(cuframes_publisher_acquire(publisher, CUFRAMES_ACQUIRE_DEFAULT, &slot));
        refuses(cuframes_publisher_drop(publisher));
        refuses(cuframes_publisher_eos(publisher));
        refuses(cuframes_publisher_get_stats(publisher, &stats));
        refuses(cuframes_publisher_wait_subscribers(publisher, 1, 0));
        cuframes_publisher_destroy(publisher);
    }
    if (subscriber) {
        cuframes_frame* other = nullptr;
        cuframes_subscriber_stats stats;
        CUFRAMES_INIT(stats);
        refuses(cuframes_subscriber_next(subscriber, 0, &other));
        refuses(cuframes_subscriber_wait_lease(subscriber, 0));
        refuses(cuframes_subscriber_get_stats(subscriber, &stats));
        cuframes_frame_unref(frame);
        cuframes_subscriber_destroy(subscriber);
    }
    return wrong;
}

Message use_after_fork(PublisherRole& publisher, SubscriberRole& subscriber) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::_exit(use_handles_after_fork(publisher.handle(), subscriber.handle(), subscriber.oldest_frame()));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return ok().set("exited", static_cast<int>(WIFEXITED(status))).set("wrong", WEXITSTATUS(status));
}

/// Whether the thread sleeps in the kernel.
bool asleep(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(file, text);
    return text.find(") S ") != std::string::npos;
}

/// Waits for a lease while another thread gives a frame back, once this one is asleep.
Message wait_lease_until_released(SubscriberRole& subscriber) {
    const pid_t waiter = ::gettid();
    std::thread releaser([&] {
        eventually([&] { return asleep(waiter); });
        subscriber.release_oldest();
    });
    const int result = cuframes_subscriber_wait_lease(subscriber.handle(), 20'000);
    releaser.join();
    must(result);
    return ok();
}

/// What a test takes away from this process for a while.
class Shortage {
public:
    /// Leaves so many descriptors to be had.
    Message use_up_descriptors(const Message& request) {
        limit(RLIMIT_NOFILE, 256);
        for (int fd = ::dup(child_line_fd); fd >= 0; fd = ::dup(child_line_fd)) {
            hoard_.emplace_back(fd);
        }
        hoard_.resize(hoard_.size() - static_cast<size_t>(request.number("leave")));
        return ok();
    }

    /// Sends itself descriptors and leaves them unread, as many as a user may have on the way.
    Message fill_the_way(const Message&) {
        limit(RLIMIT_NOFILE, 256);
        for (bool room = true; room && hoard_.size() < 64;) {
            int pair[2];
            if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
                throw std::runtime_error("no socket pair");
            }
            hoard_.emplace_back(pair[0]);
            hoard_.emplace_back(pair[1]);
            int sent = 0;
            while ((room = send_descriptor(pair[0]))) {
                sent += 1;
            }
            room = sent > 0 && errno == EAGAIN;
        }
        if (errno != ETOOMANYREFS) {
            throw std::runtime_error("as many as one likes may be on the way");
        }
        return ok();
    }

    Message limit_threads(const Message&) {
        limit(RLIMIT_NPROC, 1);
        return ok();
    }

    Message end(const Message&) {
        hoard_.clear();
        for (const auto& [resource, before] : before_) {
            ::setrlimit(static_cast<__rlimit_resource>(resource), &before);
        }
        before_.clear();
        return ok();
    }

private:
    void limit(int resource, rlim_t value) {
        rlimit now = {};
        ::getrlimit(static_cast<__rlimit_resource>(resource), &now);
        before_.emplace(resource, now);
        now.rlim_cur = value;
        ::setrlimit(static_cast<__rlimit_resource>(resource), &now);
    }

    static bool send_descriptor(int socket) {
        char byte = 0;
        iovec part = {&byte, 1};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &socket, sizeof(int));
        return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
    }

    std::vector<UniqueFd> hoard_;
    std::map<int, rlimit> before_;
};

/// What the library logged since it was asked to be kept.
class Log {
public:
    Message keep(const Message& request) {
        cuframes_set_log_func(
            [](cuframes_log_level, const char* message, void* self) {
                auto& log = *static_cast<Log*>(self);
                const std::lock_guard lock(log.mutex_);
                log.text_ += std::string(message) + '|';
            },
            this, static_cast<cuframes_log_level>(request.number("level", CUFRAMES_LOG_INFO)));
        return ok();
    }
    Message read(const Message&) {
        const std::lock_guard lock(mutex_);
        return ok().set("text", text_.substr(0, 20'000));
    }

private:
    std::mutex mutex_;
    std::string text_;
};

} // namespace

void add_process_verbs(Verbs& verbs, PublisherRole& publisher, SubscriberRole& subscriber) {
    add_plain_verbs(verbs);
    verbs["idle"] = [&](const Message& request) { return idle(request, subscriber); };
    verbs["resources"] = resources;
    verbs["use_after_fork"] = [&](const Message&) { return use_after_fork(publisher, subscriber); };
    verbs["wait_lease_until_released"] = [&](const Message&) { return wait_lease_until_released(subscriber); };
    const auto shortage = std::make_shared<Shortage>();
    verbs["use_up_descriptors"] = [shortage](const Message& request) { return shortage->use_up_descriptors(request); };
    verbs["fill_the_way"] = [shortage](const Message& request) { return shortage->fill_the_way(request); };
    verbs["limit_threads"] = [shortage](const Message& request) { return shortage->limit_threads(request); };
    verbs["end_shortage"] = [shortage](const Message& request) { return shortage->end(request); };
    static Log log; // The service thread may log to the end.
    verbs["keep_log"] = [](const Message& request) { return log.keep(request); };
    verbs["log"] = [](const Message& request) { return log.read(request); };
    verbs["self_test"] = [](const Message& request) {
        must(cuframes_cuda_self_test(static_cast<int32_t>(request.number("device"))));
        return ok();
    };
}

} // namespace cuframes::test
