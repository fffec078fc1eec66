// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/shared_memory.h"

#include "ipc/available_memory.h"
#include "ipc/seqpacket.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace cuframes::core {

namespace {

std::optional<uint64_t> limit_of(decltype(RLIMIT_AS) resource) {
    rlimit limit = {};
    const bool limited = ::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return limited ? std::optional<uint64_t>(limit.rlim_cur) : std::nullopt;
}

Result<Mapping> map(int fd, uint64_t size, int protection) {
    void* address = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        Error error =
            system_error(text("map ", readable_size(size), " of shared memory"), errno, CUFRAMES_ERROR_NO_MEMORY);
        if (const auto limit = limit_of(RLIMIT_AS); limit) {
            error.message += text(" (this process may use ", readable_size(*limit), " of addresses: ulimit -v)");
        }
        return error;
    }
    return Mapping(address, size);
}

/// Files, and so memfds, beyond ulimit -f end the process with SIGXFSZ.
Result<> check_file_size(const char* name, uint64_t size) {
    const auto limit = limit_of(RLIMIT_FSIZE);
    if (!limit || size <= *limit) {
        return {};
    }
    return Error{CUFRAMES_ERROR_NO_MEMORY, text(name, ": ", readable_size(size),
                                                " are needed, and this process may make "
                                                "files of ",
                                                readable_size(*limit), " only (ulimit -f)")};
}

} // namespace

Mapping::~Mapping() {
    if (address_) {
        ::munmap(address_, size_);
    }
}

Result<SharedMemory> create_shared_memory(const char* name, uint64_t size, uint64_t committed, Writers writers) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) {
        return system_error("create shared memory", errno, CUFRAMES_ERROR_NO_MEMORY);
    }
    if (auto allowed = check_file_size(name, size); !allowed) {
        return allowed.error();
    }
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
        return system_error(text("size ", name, " to ", readable_size(size)), errno, CUFRAMES_ERROR_NO_MEMORY);
    }
    // Memory that cannot be had should fail here, by name, and not as a SIGBUS at some frame.
    if (auto got = commit(fd.get(), 0, committed, name); !got) {
        return got.error();
    }
    auto mapping = map(fd.get(), size, PROT_READ | PROT_WRITE);
    if (!mapping) {
        return mapping.error();
    }
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    seals |= writers == Writers::only_present_mappings ? F_SEAL_FUTURE_WRITE : 0;
    if (::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) {
        return system_error("seal shared memory (Linux 5.1 or later is needed)");
    }
    return SharedMemory{std::move(fd), std::move(*mapping)};
}

Result<> commit(int fd, uint64_t offset, uint64_t size, const char* what) {
    // On older kernels a signal makes fallocate() give all of its call back: pieces are small enough to be got between
    // two ticks of a profiler. Others may take memory meanwhile: what is left is compared so often that the reserve
    // bears all of them.
    constexpr uint64_t piece = 2 << 20;
    constexpr uint64_t between_looks = 8 << 20;
    MemoryLimits limits;
    for (uint64_t done = 0; done < size; done += std::min(piece, size - done)) {
        if (done % between_looks == 0) {
            if (auto fits = limits.check(size - done, what); !fits) {
                return fits;
            }
        }
        const auto from = static_cast<off_t>(offset + done);
        const auto length = static_cast<off_t>(std::min(piece, size - done));
        int result = 0;
        do {
            result = ::fallocate(fd, 0, from, length);
        } while (result != 0 && errno == EINTR);
        if (result != 0) {
            return system_error(text("get ", readable_size(size), " of memory for ", what), errno,
                                CUFRAMES_ERROR_NO_MEMORY);
        }
    }
    return {};
}

void prefault(const Mapping& mapping, uint64_t offset, uint64_t size) {
    (void)!::madvise(mapping.data() + offset, size, MADV_POPULATE_WRITE);
}

Result<UniqueFd> open_for_readers(const UniqueFd& fd) {
    ::fchmod(fd.get(), 0400);
    UniqueFd opened(::open(text("/proc/self/fd/", fd.get()).c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened && is_shortage(errno)) {
        return system_error("open shared memory for readers", errno, CUFRAMES_ERROR_NO_MEMORY);
    }
    return opened;
}

Result<Mapping> map_shared_memory(const UniqueFd& fd, uint64_t size, Access access) {
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK)) {
        return Error{CUFRAMES_ERROR_PROTOCOL, "the peer sent shared memory that is not sealed against shrinking"};
    }
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) {
        return system_error("look at shared memory");
    }
    if (size == 0 || status.st_size < 0 || static_cast<uint64_t>(status.st_size) < size) {
        return Error{CUFRAMES_ERROR_PROTOCOL,
                     text("the peer sent ", status.st_size, " bytes of shared memory for ", size)};
    }
    return map(fd.get(), size, access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE);
}

} // namespace cuframes::core
