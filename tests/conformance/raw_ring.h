// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "raw_peer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace cuframes::test {

/// A generation as a subscriber gets it, but not mapped.
struct RawGeneration {
    Generation message = {};
    UniqueFd control, frames, lease;

    explicit RawGeneration(const RawPeer& peer) {
        RawPeer::Datagram datagram = peer.receive();
        std::memcpy(&message, datagram.bytes.data(), std::min(datagram.bytes.size(), sizeof(message)));
        if (message.header.type != static_cast<uint32_t>(MessageType::generation) || datagram.fds.size() != 3) {
            throw std::runtime_error("not the generation that the protocol promises");
        }
        control = std::move(datagram.fds[0]);
        lease = std::move(datagram.fds[1]);
        frames = std::move(datagram.fds[2]);
    }
};

/// What a publisher with a ring sends to whom it admits.
struct RawRing {
    Welcome welcome = {};
    RawGeneration generation;
    UniqueFd &control = generation.control, &frames = generation.frames, &lease = generation.lease;

    explicit RawRing(const RawPeer& peer) : welcome(read_welcome(peer)), generation(peer) {}

private:
    static Welcome read_welcome(const RawPeer& peer) {
        const RawPeer::Datagram datagram = peer.receive();
        Welcome welcome = {};
        std::memcpy(&welcome, datagram.bytes.data(), std::min(datagram.bytes.size(), sizeof(welcome)));
        if (welcome.header.type != static_cast<uint32_t>(MessageType::welcome)) {
            throw std::runtime_error("not the welcome that the protocol promises");
        }
        return welcome;
    }
};

/// A lease page mapped for writing.
class MappedLease {
public:
    explicit MappedLease(const UniqueFd& fd)
        : memory_(::mmap(nullptr, reader_page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0)) {
        if (memory_ == MAP_FAILED) {
            throw std::runtime_error("mapping the lease page");
        }
    }
    MappedLease(const MappedLease&) = delete;
    MappedLease& operator=(const MappedLease&) = delete;
    ~MappedLease() { ::munmap(memory_, reader_page_size); }

    LeasePage* operator->() const { return static_cast<LeasePage*>(memory_); }

private:
    void* memory_;
};

} // namespace cuframes::test
