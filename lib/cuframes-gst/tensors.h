// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "error.h"
#include "tensors/import.h"
#include "tensors/reaper.h"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace cuframes::gst {

/// Tensors that were handed over. Their deleters run on the reaper's thread, whoever lets go of them.
class Tensors {
public:
    void add(tensors::ImportedTensor tensor) { tensors_.push_back(std::move(tensor)); }
    size_t size() const { return tensors_.size(); }
    tensors::ImportedTensor& operator[](size_t index) { return tensors_[index]; }
    bool is_read_only() const {
        return std::any_of(tensors_.begin(), tensors_.end(), [](const auto& tensor) { return tensor.is_read_only(); });
    }

    /// Deletes after `work`.
    static void end(Tensors* tensors, std::span<const core::StreamRef> work) {
        tensors::reap_after(work, [](void* object) { delete static_cast<Tensors*>(object); }, tensors);
    }

private:
    std::vector<tensors::ImportedTensor> tensors_;
};

struct EndTensors {
    void operator()(Tensors* tensors) const { Tensors::end(tensors, {}); }
};
using TensorsPtr = std::unique_ptr<Tensors, EndTensors>;

/// What a buffer is to be made of tensors like.
struct Import {
    GstVideoInfo info;
    GstContext* context;
    gint64 stream;
    CuframesGstImportFlags flags;

    bool has(CuframesGstImportFlags flag) const { return (flags & flag) != 0; }
};

} // namespace cuframes::gst
