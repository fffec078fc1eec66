// SPDX-License-Identifier: LGPL-2.1-or-later
/// A SOCK_SEQPACKET connection that carries protocol messages and file descriptors, never blocking.
#pragma once

#include "base/fork.h"
#include "base/result.h"
#include "ipc/close_elsewhere.h"
#include "protocol/messages.h"

#include <array>
#include <cstring>
#include <span>
#include <string>

namespace cuframes::core {

/// One received datagram.
struct Datagram {
    /// out_of_descriptors: some came that this process had no room for.
    enum class Kind { message, nothing_yet, hang_up, malformed, out_of_descriptors };

    Kind kind = Kind::nothing_yet;
    MessageType type = {};
    size_t size = 0;
    alignas(8) std::array<std::byte, max_message_size> bytes = {};
    std::array<ForeignFd, max_message_fds> fds;
    size_t fd_count = 0;

    /// The datagram as message M, if it is one: of its exact size and with `fds_expected` descriptors.
    template <class M>
    bool as(M& out, size_t fds_expected) const {
        if (type != M::type || size != sizeof(M) || fd_count != fds_expected) {
            return false;
        }
        std::memcpy(&out, bytes.data(), sizeof(M));
        return true;
    }
};

/// What became of a message.
enum class Sent {
    yes,
    not_read, ///< The peer's queue is full: it does not read.
    gone,     ///< There is no peer any more.
    shortage, ///< Something is short here or for this user, and it is nobody's fault: worth trying again.
};

/// Whether a system call failed for want of descriptors or memory on our side.
bool is_shortage(int number);

class Connection {
public:
    Connection() = default;
    explicit Connection(UniqueFd socket) : socket_(std::move(socket)) { close_in_children(socket_.get()); }
    Connection(Connection&&) = default;
    Connection& operator=(Connection&& other) noexcept {
        close();
        socket_ = std::move(other.socket_);
        return *this;
    }
    ~Connection() { close(); }

    int fd() const { return socket_.get(); }
    /// Hangs up. What was sent before still arrives.
    void close();
    /// Hangs up too, but the descriptor stays until the owner notices.
    void hang_up() const;

    /// Sends a message, with up to max_message_fds descriptors (borrowed). Never waits, whatever the peer does: it has a
    /// socket of its own, and the flag is of this call.
    template <class M>
    Sent send(M message, std::initializer_list<int> fds = {}) const {
        message.header = {static_cast<uint32_t>(M::type), sizeof(M)};
        return send_bytes(&message, sizeof(M), {fds.begin(), fds.size()});
    }

private:
    Sent send_bytes(const void* bytes, size_t size, std::span<const int> fds) const;

    UniqueFd socket_;
};

/// Room for the datagrams of one call. Large: one serves many connections, one after the other.
class Inbox {
public:
    static constexpr size_t room = 16;

    /// Takes what has arrived, oldest first, in one call. As many as there is room for: more may be there. Nothing counts
    /// behind one that is no message. Valid until the next call.
    std::span<Datagram> receive(const Connection& connection);

    /// Closes what descriptors nobody took.
    void clear();

private:
    std::array<Datagram, room> datagrams_;
    size_t used_ = 0;
};

/// Binds, restricts to `mode` and group, and listens at `path`. `group` -1: unchanged. Who connects can send no descriptors,
/// where the kernel can refuse them (Linux 6.16).
Result<UniqueFd> listen_at(const std::string& path, mode_t mode, gid_t group);

/// Connects to `path`. Of the errors, PUBLISHER_GONE means that nobody listens there, TIMEOUT that it is worth trying
/// again in a moment.
Result<Connection> connect_to(const std::string& path);

} // namespace cuframes::core
