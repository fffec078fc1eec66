// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cuframes::tools {

/// What systemd is told of a service of `Type=notify`; nothing where no service manager asks for it.
class ServiceManager {
public:
    ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;
    ~ServiceManager();

    /// Says that the service is there. Further calls say nothing.
    void ready();
    /// One line, for `systemctl status`.
    void status(const std::string& line);
    void alive() const { send("WATCHDOG=1"); }

    /// How often alive() has to be called: twice as often as the service manager looks. Nothing: it does not.
    std::optional<std::chrono::milliseconds> watchdog_period() const;

private:
    void send(const std::string& state) const;

    int socket_ = -1;
    std::string path_;
    bool is_ready_ = false;
};

} // namespace cuframes::tools
