// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "cuframes/cuframes.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace cuframes::core {

/// A packet copied out of its log. The last reference to go frees it.
class PacketCopy {
public:
    /// With room for `size` bytes and as much metadata; NULL: there is no memory for them.
    static std::unique_ptr<PacketCopy> make(size_t size, size_t metadata_size);

    void ref() { references_.fetch_add(1, std::memory_order_relaxed); }
    void unref() {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    std::byte* bytes() const { return bytes_.get(); }
    /// Filled in by whoever makes it, before it is anybody else's.
    cuframes_packet_view& view() { return view_; }
    const cuframes_packet_view& view() const { return view_; }
    void set_caps(std::shared_ptr<const std::string> caps) {
        caps_ = std::move(caps);
        view_.caps = caps_->c_str();
    }

private:
    PacketCopy() = default;

    cuframes_packet_view view_ = {};
    std::unique_ptr<std::byte[]> bytes_; ///< Data, and metadata behind it.
    std::shared_ptr<const std::string> caps_;
    std::atomic<uint32_t> references_{1};
};

} // namespace cuframes::core
