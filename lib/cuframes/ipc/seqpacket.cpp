// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/seqpacket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace cuframes {

namespace {

constexpr size_t control_size = CMSG_SPACE(max_message_fds * sizeof(int));

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address = {};
    if (path.size() >= sizeof(address.sun_path)) {
        return Error{CUFRAMES_ERROR_PATH_TOO_LONG,
                     text("the socket path ", path, " has ", path.size(), " bytes; a Unix socket allows ",
                          sizeof(address.sun_path) - 1, ": use a shorter directory or key")};
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

Result<UniqueFd> make_socket() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return system_error("create a socket");
    }
    return fd;
}

/** Takes every descriptor, so that none leaks even from a packet that is then refused. */
void collect_fds(msghdr& message, Packet& packet) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            UniqueFd owned(fd);
            if (packet.fd_count < packet.fds.size()) {
                packet.fds[packet.fd_count++] = std::move(owned);
            }
        }
    }
}

} // namespace

void Connection::close() {
    if (socket_) {
        ::shutdown(socket_.get(), SHUT_RDWR);
        socket_.reset();
    }
}

bool Connection::send_bytes(const void* bytes, size_t size, std::span<const int> fds) const {
    iovec part = {const_cast<void*>(bytes), size};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, control_size> control = {};
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(size);
}

Packet Connection::receive() const {
    Packet packet;
    iovec part = {packet.bytes.data(), packet.bytes.size()};
    alignas(cmsghdr) std::array<char, control_size> control = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();

    ssize_t got = 0;
    do {
        got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        packet.kind = errno == EAGAIN ? Packet::Kind::nothing_yet : Packet::Kind::hang_up;
        return packet;
    }
    if (got == 0) {
        packet.kind = Packet::Kind::hang_up;
        return packet;
    }
    collect_fds(message, packet);
    packet.size = static_cast<size_t>(got);
    packet.kind = Packet::Kind::malformed;
    MessageHeader header = {};
    if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && packet.size >= sizeof(header)) {
        std::memcpy(&header, packet.bytes.data(), sizeof(header));
        if (header.size == packet.size) {
            packet.kind = Packet::Kind::message;
            packet.type = static_cast<MessageType>(header.type);
        }
    }
    return packet;
}

Result<UniqueFd> listen_at(const std::string& path, mode_t mode, gid_t group) {
    auto address = address_of(path);
    if (!address) {
        return address.error();
    }
    auto fd = make_socket();
    if (!fd) {
        return fd.error();
    }
    if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
        return system_error(text("create the socket ", path), errno, CUFRAMES_ERROR_DIRECTORY);
    }
    if (group != static_cast<gid_t>(-1) && ::chown(path.c_str(), static_cast<uid_t>(-1), group) != 0) {
        return system_error(text("give the socket ", path, " to group ", group,
                                 " (a publisher can only name a group it is a member of)"),
                            errno, CUFRAMES_ERROR_ACCESS_DENIED);
    }
    // Nobody can connect before listen(), so the mode set by bind() opens no window.
    if (::chmod(path.c_str(), mode) != 0 || ::listen(fd->get(), SOMAXCONN) != 0) {
        return system_error(text("listen at ", path));
    }
    return fd;
}

Result<Connection> connect_to(const std::string& path) {
    auto address = address_of(path);
    if (!address) {
        return address.error();
    }
    auto fd = make_socket();
    if (!fd) {
        return fd.error();
    }
    if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0) {
        return Connection(std::move(*fd));
    }
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
        return system_error(text("connect to ", path), errno, CUFRAMES_ERROR_PUBLISHER_GONE);
    case EAGAIN:
        return system_error(text("connect to ", path, ": too many others do at this moment"), errno,
                            CUFRAMES_ERROR_TIMEOUT);
    case EACCES:
    case EPERM:
        return Error{CUFRAMES_ERROR_ACCESS_DENIED,
                     text("cannot connect to ", path,
                          ": permission denied; the publisher's access rule (access=user, "
                          "group:NAME or all) or the directory's mode does not admit uid ",
                          ::geteuid())};
    default:
        return system_error(text("connect to ", path));
    }
}

} // namespace cuframes
