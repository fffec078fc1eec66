// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "ipc/seqpacket.h"
#include "publisher/generation.h"

#include <fcntl.h>

#include <cstring>
#include <stdexcept>

namespace cuframes::core {

/// What a publisher sends of a generation, for a test to write all over: a copy of a sound one's memory, sealed like that.
/// With a page of the reader's own.
class RawGeneration {
public:
    /// `position`: where the reader is let begin.
    RawGeneration(const ContentGeneration& of, uint64_t position)
        : control(copy(of.control_fd(), of.control_size())),
          page(make(reader_page_size)),
          part(copy(of.part_fd(0), of.parts_size())) {
        message.header = {static_cast<uint32_t>(Generation::type), sizeof(message)};
        message.epoch = of.epoch();
        message.control_size = of.control_size();
        message.parts_size = of.parts_size();
        begin_at(position);
    }

    void begin_at(uint64_t position) {
        auto& words = *new (page.mapping.data()) ReaderPage{};
        words.position.store(position);
    }

    /// As it is heard, with descriptors of its own.
    Datagram datagram() const { return datagram({control.fd.get(), page.fd.get(), part.fd.get()}); }
    Datagram datagram(std::initializer_list<int> fds) const {
        Datagram out;
        out.kind = Datagram::Kind::message;
        out.type = Generation::type;
        out.size = sizeof(message);
        std::memcpy(out.bytes.data(), &message, sizeof(message));
        for (const int fd : fds) {
            out.fds[out.fd_count++] = ForeignFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
        }
        return out;
    }

    template <class T>
    T& at(uint64_t offset) const {
        return *reinterpret_cast<T*>(control.mapping.data() + offset);
    }
    ControlHeader& header() const { return at<ControlHeader>(0); }
    PacketsHeader& packets() const { return at<PacketsHeader>(sizeof(ControlHeader)); }
    PacketEntry& entry(uint64_t sequence) const {
        return at<PacketEntry>(packets().entries_offset + sequence % packets().max_count * sizeof(PacketEntry));
    }
    CapsEntry& caps(uint32_t version) const {
        return at<CapsEntry>(packets().caps_offset + version % packet_caps * sizeof(CapsEntry));
    }

    static SharedMemory make(uint64_t size) {
        auto made = create_shared_memory("raw", size, 0, Writers::anybody);
        if (!made) {
            throw std::runtime_error(made.error().message);
        }
        return std::move(*made);
    }

    Generation message = {};
    SharedMemory control, page, part;

private:
    static SharedMemory copy(int from, uint64_t size) {
        auto mapped = map_shared_memory(UniqueFd(::fcntl(from, F_DUPFD_CLOEXEC, 0)), size, Access::read_only);
        if (!mapped) {
            throw std::runtime_error(mapped.error().message);
        }
        SharedMemory made = make(size);
        std::memcpy(made.mapping.data(), mapped->data(), size);
        return made;
    }
};

} // namespace cuframes::core
