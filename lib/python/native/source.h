// SPDX-License-Identifier: LGPL-2.1-or-later
/// What has planes of pixels: a ring's frame, a slot being written, a copy. Python's Frame, Slot and Plane ask it.
#pragma once

#include "tensors/memory.h"

#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

namespace cuframes::python {

namespace nb = nanobind;

class Source {
public:
    Source() = default;
    Source(const Source&) = delete;
    virtual ~Source() = default;

    /// BufferError once the pixels are given back.
    virtual tensors::Pixels pixels() const = 0;

    /// A reference of its own for a tensor that `stream` will read: the stream is made to wait for the pixels, and what
    /// ends them waits for the stream.
    virtual tensors::Owner keep(int64_t stream) = 0;

    nb::object export_plane(uint32_t plane, int view, int64_t stream, bool versioned, bool copied);

    /// (data, shape, strides, bytes of an element); strides in elements.
    nb::tuple describe(uint32_t plane, int view) const;
    /// (offset, pitch, row bytes, rows).
    nb::tuple layout(uint32_t plane) const;

    /// A private copy on (device type, id). `compact`: without padding. The interpreter lock is released meanwhile.
    std::shared_ptr<tensors::OwnedFrame> copy(bool compact, int device_type, int device_id, int64_t stream);
};

class OwnedSource final : public Source {
public:
    explicit OwnedSource(std::shared_ptr<tensors::OwnedFrame> frame) : frame_(std::move(frame)) {}

    tensors::Pixels pixels() const override;
    tensors::Owner keep(int64_t stream) override;
    void release() { frame_.reset(); }

    /// Copies tensors, one for each plane or one of all rows, into compact memory on (device type, id).
    static std::unique_ptr<OwnedSource> from_tensors(const std::string& format, uint32_t width, uint32_t height,
                                                     const std::vector<nb::object>& capsules, int device_type,
                                                     int device_id, int64_t stream);

private:
    std::shared_ptr<tensors::OwnedFrame> frame_;
};

/// ((offset, pitch, row bytes, rows), …) of a compact frame.
nb::tuple format_layout(const std::string& format, uint32_t width, uint32_t height);

/// Whether tensors are such a frame: else the exceptions of from_tensors(). Their capsules are not consumed.
void check_tensors(const std::string& format, uint32_t width, uint32_t height, const std::vector<nb::object>& capsules);

/// Bytes of an element of the first plane.
uint32_t format_itemsize(const std::string& format);

void bind_source(nb::module_& module);

/// Adds `Pixels`: planes by the buffer protocol, for Python's classes to inherit from (plane_buffer.h). By the stable
/// interface, which nanobind's classes have no buffers in.
void bind_pixels(nb::module_& module);

} // namespace cuframes::python
