// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <dlpack/dlpack.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace cuframes::test {

/// What became of the tensors of another library.
struct Diary {
    std::atomic<int> made = 0;
    std::atomic<int> deleted = 0;
    std::thread::id deleted_by() const {
        const std::lock_guard lock(mutex);
        return thread;
    }

    mutable std::mutex mutex;
    std::thread::id thread;
};

/// A tensor as another library hands it over: `shape`, with `pitch` elements from row to row. Its deleter writes into the
/// diary. `data` is not its own.
template <class Managed>
class Foreign {
public:
    static Managed* make(Diary& diary, void* data, DLDevice device, uint8_t bits, std::vector<int64_t> shape,
                         int64_t pitch, bool read_only = false) {
        auto* self = new Foreign(diary, std::move(shape), pitch);
        DLTensor& tensor = self->managed_.dl_tensor;
        tensor = {data,
                  device,
                  static_cast<int32_t>(self->shape_.size()),
                  {kDLUInt, bits, 1},
                  self->shape_.data(),
                  self->strides_.data(),
                  0};
        if constexpr (requires { self->managed_.flags; }) {
            self->managed_.version = {1, 0};
            self->managed_.flags = read_only ? DLPACK_FLAG_BITMASK_READ_ONLY : 0;
        }
        self->managed_.manager_ctx = self;
        self->managed_.deleter = [](Managed* managed) { delete static_cast<Foreign*>(managed->manager_ctx); };
        return &self->managed_;
    }

private:
    Foreign(Diary& diary, std::vector<int64_t> shape, int64_t pitch)
        : diary_(diary), shape_(std::move(shape)), strides_(shape_.size(), 1) {
        ++diary_.made;
        for (size_t i = shape_.size() - 1; i-- > 1;) {
            strides_[i] = strides_[i + 1] * shape_[i + 1];
        }
        strides_[0] = pitch;
    }
    ~Foreign() {
        const std::lock_guard lock(diary_.mutex);
        diary_.thread = std::this_thread::get_id();
        ++diary_.deleted;
    }

    Diary& diary_;
    std::vector<int64_t> shape_;
    std::vector<int64_t> strides_;
    Managed managed_ = {};
};

using ForeignLegacy = Foreign<DLManagedTensor>;
using ForeignVersioned = Foreign<DLManagedTensorVersioned>;

} // namespace cuframes::test
