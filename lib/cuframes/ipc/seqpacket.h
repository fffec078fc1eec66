// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * A SOCK_SEQPACKET connection that carries protocol messages and file descriptors, never blocking.
 */
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <string>

#include "base/result.h"
#include "ipc/unique_fd.h"
#include "protocol/messages.h"

namespace cuframes {

/** One received packet. */
struct Packet {
    enum class Kind { message, nothing_yet, hang_up, malformed };

    Kind kind = Kind::nothing_yet;
    MessageType type = {};
    size_t size = 0;
    alignas(8) std::array<std::byte, max_message_size> bytes = {};
    std::array<UniqueFd, max_message_fds> fds;
    size_t fd_count = 0;

    /** The packet as message M, if it is one: of its exact size and with `fds_expected` descriptors. */
    template <class M>
    bool as(M& out, size_t fds_expected) const {
        if (type != M::type || size != sizeof(M) || fd_count != fds_expected) {
            return false;
        }
        std::memcpy(&out, bytes.data(), sizeof(M));
        return true;
    }
};

class Connection {
public:
    Connection() = default;
    explicit Connection(UniqueFd socket) : socket_(std::move(socket)) {}
    Connection(Connection&&) = default;
    Connection& operator=(Connection&&) = default;
    ~Connection() { close(); }

    int fd() const { return socket_.get(); }
    explicit operator bool() const { return static_cast<bool>(socket_); }
    /** Hangs up, also when a forked child still has a copy of the descriptor. What was sent before still arrives. */
    void close();

    /** Sends a message, with up to max_message_fds descriptors (borrowed). False: the peer is gone or does not read. */
    template <class M>
    bool send(M message, std::initializer_list<int> fds = {}) const {
        message.header = {static_cast<uint32_t>(M::type), sizeof(M)};
        return send_bytes(&message, sizeof(M), {fds.begin(), fds.size()});
    }

    Packet receive() const;

private:
    bool send_bytes(const void* bytes, size_t size, std::span<const int> fds) const;

    UniqueFd socket_;
};

/** Binds, restricts to `mode` and group, and listens at `path`. `group` -1: unchanged. */
Result<UniqueFd> listen_at(const std::string& path, mode_t mode, gid_t group);

/** Connects to `path`. Of the errors, PUBLISHER_GONE means that nobody listens there, TIMEOUT that it is worth trying
 *  again in a moment. */
Result<Connection> connect_to(const std::string& path);

} // namespace cuframes
