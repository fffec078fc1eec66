// SPDX-License-Identifier: LGPL-2.1-or-later
/// GPU memory that can be shared: VMM allocations exported as POSIX file descriptors.
#pragma once

#include "base/cuda/driver.h"
#include "ipc/unique_fd.h"

#include <vector>

namespace cuframes::core::cuda {

/// An address range of this process that is filled with VMM allocations of one size, chunk by chunk, from its beginning.
/// Chunks come one at a time, from one thread; what is mapped may be used by any. Move-only.
class VmmRange {
public:
    /// What a chunk's size must be a multiple of.
    static Result<uint64_t> granularity(const Context& context);

    /// Takes addresses for `chunks` chunks, and no memory yet.
    static Result<VmmRange> reserve(const Context& context, uint64_t chunk_size, uint32_t chunks);

    VmmRange(VmmRange&& other) noexcept
        : context_(other.context_),
          address_(std::exchange(other.address_, 0)),
          chunk_size_(other.chunk_size_),
          chunks_(other.chunks_),
          mapped_(std::move(other.mapped_)) {
        other.mapped_.clear();
    }
    VmmRange& operator=(VmmRange&&) = delete;
    ~VmmRange();

    /// Makes the next chunk: zero-filled memory of the context's device, readable and writable there.
    Result<> allocate();

    /// Maps another process's chunk as the next one, for the context's device, read-only. The fd is not consumed.
    Result<> import(int fd);

    /// Leaves it all mapped for the life of the process: something may still use it.
    void abandon() {
        address_ = 0;
        mapped_.clear();
    }

    CUdeviceptr address() const { return address_; }
    uint64_t size() const { return chunk_size_ * chunks_; }
    /// Chunks there are now.
    uint32_t mapped() const { return static_cast<uint32_t>(mapped_.size()); }

    Result<UniqueFd> export_fd(uint32_t chunk) const;

private:
    VmmRange(const Context& context, uint64_t chunk_size, uint32_t chunks)
        : context_(context), chunk_size_(chunk_size), chunks_(chunks) {}
    Result<> check_room() const;
    Result<> map(CUmemGenericAllocationHandle handle, CUmemAccess_flags flags);
    Result<> zero(CUdeviceptr address) const;

    Context context_;
    CUdeviceptr address_ = 0;
    uint64_t chunk_size_;
    uint32_t chunks_;
    std::vector<CUmemGenericAllocationHandle> mapped_;
};

/// Creates, exports, imports and maps a small allocation on the context's device, once for each device on which it
/// works. Whether sharing works is decided by this, not by capability attributes: some drivers advertise what then
/// fails.
Result<> self_test(const Context& context);

} // namespace cuframes::core::cuda
