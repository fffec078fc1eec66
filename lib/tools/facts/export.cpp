// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes export`: metrics of all rings of a host, for Prometheus.
#include "facts/metrics.h"
#include "facts/run.h"
#include "facts/words.h"
#include "shared/say.h"

#include <httplib.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

namespace cuframes::tools {

namespace {

/// Older versions of the library have no names for them.
constexpr int service_unavailable = 503;
constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

/// Pages, each as of when it was asked for.
class Pages {
public:
    explicit Pages(const ExportOptions& options) : options_(options) {}

    Result<std::string> next() {
        const uint64_t came = now_ns();
        const std::lock_guard lock(mutex_);
        // Who had to wait for another gets the same, and has waited for a publisher that does not answer once.
        if (made_ < came) {
            const auto rings = list(or_usual(options_.directory), to_timeout(options_.timeout));
            if (!rings) {
                return rings.error();
            }
            made_ = now_ns();
            page_ = metrics_.page(*rings, came, seconds_between(came, made_));
        }
        return page_;
    }

private:
    const ExportOptions& options_;
    std::mutex mutex_;
    Metrics metrics_;
    std::string page_;
    uint64_t made_ = 0;
};

/// Ends the server when this program is told to end.
class EndBySignal {
public:
    /// Before any other thread is started, as those are not to be interrupted.
    EndBySignal() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        sigaddset(&signals_, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }
    EndBySignal(const EndBySignal&) = delete;
    EndBySignal& operator=(const EndBySignal&) = delete;
    ~EndBySignal() {
        if (waiting_.joinable()) {
            ::pthread_kill(waiting_.native_handle(), SIGINT);
            waiting_.join();
        }
    }

    void end(httplib::Server& server) {
        waiting_ = std::thread([this, &server] {
            int signal = 0;
            ::sigwait(&signals_, &signal);
            server.stop();
        });
    }

private:
    sigset_t signals_;
    std::thread waiting_;
};

/// -1, with errno: it cannot.
int bind(httplib::Server& server, const Address& address) {
    // Of IPv6, which takes IPv4 too; where the kernel has none, the other.
    const std::vector<std::string> hosts =
        address.host.empty() ? std::vector<std::string>{"::", "0.0.0.0"} : std::vector<std::string>{address.host};
    for (const std::string& host : hosts) {
        errno = 0;
        const int port = address.port == 0 ? server.bind_to_any_port(host)
                                           : (server.bind_to_port(host, address.port) ? address.port : -1);
        if (port > 0 || errno == EADDRINUSE) {
            return port;
        }
    }
    return -1;
}

std::string why_not() {
    switch (errno) {
    case EADDRINUSE:
        return "the port is in use, perhaps by another exporter; end that, or choose another with --listen";
    case EACCES:
        return "it is not allowed; choose a port from 1024 on with --listen";
    case 0:
        return "there is no such host";
    default:
        return std::strerror(errno);
    }
}

void answer(const Result<std::string>& page, httplib::Response& response) {
    if (page) {
        response.set_content(*page, content_type);
    } else {
        complain("export", page.error().message);
        response.status = service_unavailable;
        response.set_content(page.error().message + "\n", "text/plain; charset=utf-8");
    }
}

int serve(const ExportOptions& options) {
    EndBySignal end;
    Pages pages(options);
    httplib::Server server;
    // The library's own options would let two exporters share a port, each of them with half of the requests.
    server.set_socket_options([](socket_t fd) {
        const int yes = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server.Get("/metrics",
               [&](const httplib::Request&, httplib::Response& response) { answer(pages.next(), response); });
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
        response.set_content("<!DOCTYPE html><title>cuframes</title><a href=\"/metrics\">metrics</a>\n", "text/html");
    });
    const auto address = address_in(options.listen).value();
    const int port = bind(server, address);
    if (port < 0) {
        return failed("export", fmt::format("cannot listen on {}: {}", options.listen, why_not()));
    }
    const bool brackets = address.host.find(':') != std::string::npos;
    fmt::print(stderr, "cuframes export: metrics are at http://{}:{}/metrics\n",
               address.host.empty() ? "localhost"
               : brackets           ? "[" + address.host + "]"
                                    : address.host,
               port);
    end.end(server);
    return server.listen_after_bind() ? exit_done : failed("export", "the server ended by itself");
}

} // namespace

int run(const ExportOptions& options) {
    if (!options.once) {
        return serve(options);
    }
    const auto page = Pages(options).next();
    if (!page) {
        return failed("export", page.error().message);
    }
    fmt::print("{}", *page);
    return exit_done;
}

} // namespace cuframes::tools
