// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/seqpacket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

namespace cuframes::core {

namespace {

constexpr size_t control_size = CMSG_SPACE(max_message_fds * sizeof(int));
/// Without the padding, in which the kernel would put one more.
constexpr size_t control_room = CMSG_LEN(max_message_fds * sizeof(int));

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

/// Takes every descriptor, so that none leaks even from a datagram that is then refused.
void collect_fds(msghdr& message, Datagram& datagram) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            ForeignFd owned(fd);
            if (datagram.fd_count < datagram.fds.size()) {
                datagram.fds[datagram.fd_count++] = std::move(owned);
            }
        }
    }
}

/// One datagram of a batch, as the kernel wrote it.
void read_datagram(msghdr& message, size_t size, Datagram& datagram) {
    collect_fds(message, datagram);
    if (size == 0) {
        datagram.kind = Datagram::Kind::hang_up;
        return;
    }
    datagram.size = size;
    datagram.kind = Datagram::Kind::malformed;
    if (message.msg_flags & MSG_CTRUNC) {
        // Fewer than there is room for: it was not room in the message that was missing.
        datagram.kind =
            datagram.fd_count < max_message_fds ? Datagram::Kind::out_of_descriptors : Datagram::Kind::malformed;
        return;
    }
    MessageHeader header = {};
    if (!(message.msg_flags & MSG_TRUNC) && size >= sizeof(header)) {
        std::memcpy(&header, datagram.bytes.data(), sizeof(header));
        if (header.size == size) {
            datagram.kind = Datagram::Kind::message;
            datagram.type = static_cast<MessageType>(header.type);
        }
    }
}

/// Whether closing the socket may close descriptors that lie in it unread. To be asked when no more can come.
bool holds_packets(int socket) {
    char byte = 0;
    iovec part = {&byte, 1};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT) > 0 || (message.msg_flags & MSG_CTRUNC);
}

bool takes_descriptors(int socket) {
    int takes = 1;
    socklen_t size = sizeof(takes);
    return ::getsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &takes, &size) != 0 || takes != 0;
}

} // namespace

bool is_shortage(int number) {
    return number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS || number == ETOOMANYREFS;
}

void Connection::hang_up() const { ::shutdown(socket_.get(), SHUT_RDWR); }

void Connection::close() {
    if (!socket_) {
        return;
    }
    hang_up();
    leave_to_children(socket_.get());
    if (takes_descriptors(socket_.get()) && holds_packets(socket_.get())) {
        close_elsewhere(std::move(socket_));
    }
    socket_.reset();
}

Sent Connection::send_bytes(const void* bytes, size_t size, std::span<const int> fds) const {
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
    if (sent == static_cast<ssize_t>(size)) {
        return Sent::yes;
    }
    return errno == EAGAIN ? Sent::not_read : is_shortage(errno) ? Sent::shortage : Sent::gone;
}

std::span<Datagram> Inbox::receive(const Connection& connection) {
    struct Frame {
        iovec part;
        alignas(cmsghdr) std::array<char, control_size> control;
    };
    std::array<Frame, room> frames;
    std::array<mmsghdr, room> batch = {};
    clear();
    for (size_t i = 0; i < room; ++i) {
        frames[i].part = {datagrams_[i].bytes.data(), datagrams_[i].bytes.size()};
        batch[i].msg_hdr.msg_iov = &frames[i].part;
        batch[i].msg_hdr.msg_iovlen = 1;
        batch[i].msg_hdr.msg_control = frames[i].control.data();
        batch[i].msg_hdr.msg_controllen = control_room;
    }
    int got = 0;
    int attempts = 0;
    do {
        got = ::recvmmsg(connection.fd(), batch.data(), batch.size(), MSG_CMSG_CLOEXEC | MSG_DONTWAIT, nullptr);
        attempts += 1;
        // Told once, by a peer that left something unread when it closed. What it sent before is still there.
    } while (got < 0 && (errno == EINTR || (errno == ECONNRESET && attempts < 4)));
    size_t count = 0;
    while (count < static_cast<size_t>(std::max(got, 0))) {
        Datagram& datagram = datagrams_[count];
        read_datagram(batch[count].msg_hdr, batch[count].msg_len, datagram);
        count += 1;
    }
    if (got < 0) {
        datagrams_[0].kind =
            errno == EAGAIN || is_shortage(errno) ? Datagram::Kind::nothing_yet : Datagram::Kind::hang_up;
        count = 1;
    }
    used_ = count;
    return {datagrams_.data(), count};
}

void Inbox::clear() {
    for (; used_ > 0; --used_) {
        datagrams_[used_ - 1] = Datagram();
    }
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
    // Inherited by what is accepted. Descriptors that a peer sends can make closing them wait.
    const int none = 0;
    ::setsockopt(fd->get(), SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof(none));
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

} // namespace cuframes::core
