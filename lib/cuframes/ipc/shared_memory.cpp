// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace cuframes {

namespace {

Result<Mapping> map(int fd, uint64_t size, int protection) {
    void* address = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        return system_error(text("map ", size, " bytes of shared memory"), errno, CUFRAMES_ERROR_NO_MEMORY);
    }
    return Mapping(address, size);
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
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
        return system_error(text("size shared memory to ", size, " bytes"), errno, CUFRAMES_ERROR_NO_MEMORY);
    }
    if (auto done = commit_shared_memory(fd, 0, committed); !done) {
        return done.error();
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

Result<> commit_shared_memory(const UniqueFd& fd, uint64_t offset, uint64_t size) {
    if (size > 0 && ::fallocate(fd.get(), 0, static_cast<off_t>(offset), static_cast<off_t>(size)) != 0) {
        return system_error(text("get ", size, " bytes of memory"), errno, CUFRAMES_ERROR_NO_MEMORY);
    }
    return {};
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

} // namespace cuframes
