// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "source.h"

#include <unistd.h>

#include <mutex>
#include <string>

namespace cuframes::python {

/// A frame of the ring: one lease, shared with the tensors taken from it.
class RingFrame final : public Source {
public:
    explicit RingFrame(cuframes_frame* owned);
    ~RingFrame() override { release(); }

    tensors::Pixels pixels() const override;
    tensors::Owner keep(int64_t stream) override;

    void record_stream(int64_t stream);
    /// Ends this object's part of the lease; tensors keep theirs.
    void release();
    bool released() const;

    // What stays known after the release.
    const cuframes_frame_view& view() const { return view_; }
    const cuframes_geometry& geometry() const { return geometry_; }

    std::string caps() const;
    nb::bytes metadata() const;

private:
    /// BufferError once released, and in a forked child, whose parent has the lease. Call with mutex_ held.
    cuframes_frame* held() const;

    mutable std::mutex mutex_; ///< Over frame_: threads share frames, and free-threaded Python has no other lock.
    cuframes_frame* frame_;
    const pid_t process_ = ::getpid();
    const cuframes_geometry geometry_;
    const cuframes_frame_view view_; ///< Its pointers are valid while frame_ is held.
};

void bind_frame(nb::module_& module);

} // namespace cuframes::python
