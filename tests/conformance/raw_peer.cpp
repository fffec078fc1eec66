// SPDX-License-Identifier: LGPL-2.1-or-later
#include "raw_peer.h"

#include "deadline.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace cuframes::test {
namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    return address;
}

UniqueFd make_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

std::vector<UniqueFd> take_fds(msghdr& header) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
        const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
            fds.emplace_back(fd);
        }
    }
    return fds;
}

/// The kernel's boot id as 16 bytes, as Hello carries it.
std::array<uint8_t, 16> read_boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string text, digits;
    file >> text;
    for (const char c : text) {
        if (c != '-') {
            digits += c;
        }
    }
    std::array<uint8_t, 16> id = {};
    for (size_t i = 0; i < id.size() && 2 * i + 1 < digits.size(); ++i) {
        id[i] = static_cast<uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
    }
    return id;
}

} // namespace

RawPeer RawPeer::connect(const std::string& path) {
    UniqueFd socket = make_socket();
    const sockaddr_un address = address_of(path);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        throw std::runtime_error("connect " + path + ": " + std::strerror(errno));
    }
    return RawPeer(std::move(socket));
}

UniqueFd RawPeer::listen(const std::string& path) {
    UniqueFd socket = make_socket();
    const sockaddr_un address = address_of(path);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(socket.get(), 8) != 0) {
        throw std::runtime_error("listen " + path + ": " + std::strerror(errno));
    }
    return socket;
}

RawPeer RawPeer::accept(const UniqueFd& listening) {
    pollfd waiting = {listening.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(scaled(default_limit).count())) != 1) {
        throw std::runtime_error("nobody connected");
    }
    return RawPeer(UniqueFd(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

bool RawPeer::send_bytes(const void* bytes, size_t size, const std::vector<int>& fds) const {
    iovec part = {const_cast<void*>(bytes), size};
    std::vector<std::byte> control(CMSG_SPACE(fds.size() * sizeof(int)));
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
    }
    return ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

RawPeer::Datagram RawPeer::receive() const {
    pollfd waiting = {socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(scaled(default_limit).count())) != 1) {
        throw std::runtime_error("the other side neither answered nor closed");
    }
    Datagram datagram;
    datagram.bytes.resize(64 * 1024);
    iovec part = {datagram.bytes.data(), datagram.bytes.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(16 * sizeof(int))> control = {};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    datagram.bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    if (size > 0) {
        datagram.fds = take_fds(header);
    }
    return datagram;
}

int RawPeer::await_close() const {
    int error = 0;
    for (Datagram datagram = receive(); !datagram.bytes.empty(); datagram = receive()) {
        Refused refused = {};
        if (datagram.bytes.size() == sizeof(refused)) {
            std::memcpy(&refused, datagram.bytes.data(), sizeof(refused));
        }
        if (refused.header.type == static_cast<uint32_t>(MessageType::refused)) {
            error = refused.error;
        }
    }
    return error;
}

Hello RawPeer::valid_hello(uint32_t max_held) {
    Hello hello = {};
    hello.version = protocol_version;
    hello.contents = bit_of(ContentKind::frames);
    hello.mode = CUFRAMES_MODE_NEWEST;
    hello.frames.leases = hello.frames.least = max_held;
    hello.boot_id = read_boot_id();
    std::strcpy(hello.name, "raw");
    return hello;
}

Welcome RawPeer::valid_welcome() {
    Welcome welcome = {};
    welcome.version = protocol_version;
    welcome.content = static_cast<uint32_t>(ContentKind::frames);
    welcome.granted = 2;
    return welcome;
}

} // namespace cuframes::test
