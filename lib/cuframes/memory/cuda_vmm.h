// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * GPU memory that can be shared: VMM allocations exported as POSIX file descriptors.
 */
#pragma once

#include "cuda/driver.h"
#include "ipc/unique_fd.h"

namespace cuframes::cuda {

/** A VMM allocation mapped at an address of this process. Move-only. */
class VmmMapping {
public:
    /** Makes zero-filled GPU memory of at least `size` bytes on the context's device, readable and writable there. */
    static Result<VmmMapping> allocate(const Context& context, uint64_t size);

    /** Maps another process's allocation for `context`'s device, read-only. The fd is not consumed. */
    static Result<VmmMapping> import(const Context& context, int fd, uint64_t size);

    VmmMapping(VmmMapping&& other) noexcept
        : driver_(other.driver_),
          address_(std::exchange(other.address_, 0)),
          size_(other.size_),
          handle_(std::exchange(other.handle_, 0)),
          mapped_(std::exchange(other.mapped_, false)) {}
    VmmMapping& operator=(VmmMapping&&) = delete;
    ~VmmMapping();

    CUdeviceptr address() const { return address_; }
    uint64_t size() const { return size_; }

    Result<UniqueFd> export_fd() const;

private:
    explicit VmmMapping(const Driver& driver) : driver_(&driver) {}
    Result<> map(int32_t device, uint64_t size, CUmemAccess_flags flags);

    const Driver* driver_;
    CUdeviceptr address_ = 0;
    uint64_t size_ = 0;
    CUmemGenericAllocationHandle handle_ = 0;
    bool mapped_ = false;
};

/**
 * Creates, exports, imports and maps a small allocation on the context's device, once for each device. Whether sharing
 * works is decided by this, not by capability attributes: some drivers advertise what then fails.
 */
Result<> self_test(const Context& context);

} // namespace cuframes::cuda
