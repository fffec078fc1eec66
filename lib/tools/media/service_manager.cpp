// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cuframes::tools {

namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

} // namespace

ServiceManager::ServiceManager() : path_(variable("NOTIFY_SOCKET")) {
    if (!path_.empty() && path_.size() < sizeof(sockaddr_un::sun_path)) {
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
}

ServiceManager::~ServiceManager() {
    if (socket_ >= 0) {
        send("STOPPING=1");
        ::close(socket_);
    }
}

void ServiceManager::ready() {
    if (!std::exchange(is_ready_, true)) {
        send("READY=1");
    }
}

void ServiceManager::status(const std::string& line) { send("STATUS=" + line); }

std::optional<std::chrono::milliseconds> ServiceManager::watchdog_period() const {
    const std::string period = variable("WATCHDOG_USEC");
    const std::string pid = variable("WATCHDOG_PID");
    const auto microseconds = std::strtoll(period.c_str(), nullptr, 10);
    const bool is_meant = pid.empty() || pid == std::to_string(::getpid());
    if (microseconds <= 0 || !is_meant || socket_ < 0) {
        return std::nullopt;
    }
    return std::chrono::milliseconds(std::max(1LL, microseconds / 2000));
}

void ServiceManager::send(const std::string& state) const {
    if (socket_ < 0) {
        return;
    }
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    // A name without a file.
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
    // Nobody listens, or not now: no matter of ours.
    (void)::sendto(socket_, state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address), length);
}

} // namespace cuframes::tools
