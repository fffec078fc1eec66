// SPDX-License-Identifier: LGPL-2.1-or-later
/// Sealed memfds and their mappings.
#pragma once

#include "base/result.h"
#include "ipc/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace cuframes::core {

/// Owns a mapping. Move-only.
class Mapping {
public:
    Mapping() = default;
    Mapping(void* address, size_t size) : address_(address), size_(size) {}
    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping();

    std::byte* data() const { return static_cast<std::byte*>(address_); }
    size_t size() const { return size_; }
    explicit operator bool() const { return address_ != nullptr; }

private:
    void* address_ = nullptr;
    size_t size_ = 0;
};

enum class Access { read_only, read_write };

/// Who may write to a memfd after it was sealed: those who mapped it before, or everybody who has the fd.
enum class Writers { only_present_mappings, anybody };

struct SharedMemory {
    UniqueFd fd;
    Mapping mapping; ///< Readable and writable.
};

/// Makes a zeroed memfd of `size` bytes, commits its first `committed` bytes, maps it, and seals it. `name` stands in
/// errors.
Result<SharedMemory> create_shared_memory(const char* name, uint64_t size, uint64_t committed, Writers writers);

/// Gets the memory of a part of a memfd that has none yet, or CUFRAMES_ERROR_NO_MEMORY where it does not fit: what is
/// committed can be written without SIGBUS and without calling the OOM killer. May take as long as the kernel needs to
/// clear it, a second for some GB. After an error a part of it may have been committed: a sealed memfd gives nothing back
/// until it is closed, and the next call for the same part finds it there.
Result<> commit(int fd, uint64_t offset, uint64_t size, const char* what);

/// Has this process's tables know the pages of a part of a mapping, which was committed: who writes there for the first time
/// then needs no page faults. Where the kernel cannot (before Linux 5.14), nothing but that differs.
void prefault(const Mapping& mapping, uint64_t offset, uint64_t size);

/// A descriptor of the same memory that can only be read, for peers of memory that grows. Who writes to a file, though
/// the seals refuse that in the end, can hold its lock meanwhile, for which growing would wait. Nor may other users
/// open it again. Empty: there is no /proc to make one with.
Result<UniqueFd> open_for_readers(const UniqueFd& fd);

/// Maps a memfd that a peer sent. Refuses one that is not sealed against shrinking or is smaller than `size`: touching it
/// could otherwise kill us with SIGBUS.
Result<Mapping> map_shared_memory(const UniqueFd& fd, uint64_t size, Access access);

} // namespace cuframes::core
