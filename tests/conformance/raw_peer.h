// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "protocol/messages.h"
#include "unique_fd.h"

#include <cstddef>
#include <string>
#include <vector>

namespace cuframes::test {

using namespace core;

/// A peer that speaks the protocol byte by byte, to say what no honest one would.
class RawPeer {
public:
    struct Datagram {
        std::vector<std::byte> bytes; ///< Empty: the other side has closed.
        std::vector<UniqueFd> fds;
    };

    /// Connects to a publisher's socket.
    static RawPeer connect(const std::string& path);
    /// Listens in a publisher's place.
    static UniqueFd listen(const std::string& path);
    static RawPeer accept(const UniqueFd& listening);

    /// False when the other side has closed already.
    bool send_bytes(const void* bytes, size_t size, const std::vector<int>& fds = {}) const;
    template <class M>
    bool send(M message, const std::vector<int>& fds = {}) const {
        message.header = {static_cast<uint32_t>(M::type), sizeof(M)};
        return send_bytes(&message, sizeof(M), fds);
    }

    /// Waits for a datagram or the hang-up; throws when neither comes.
    Datagram receive() const;
    /// Reads on until the hang-up; returns the last Refused's error value, or 0 if none came.
    int await_close() const;

    static Hello valid_hello(uint32_t max_held = 2);
    static Welcome valid_welcome();

    int fd() const { return socket_.get(); }

private:
    explicit RawPeer(UniqueFd socket) : socket_(std::move(socket)) {}

    UniqueFd socket_;
};

} // namespace cuframes::test
