// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/packet_log/packet.h"

#include <new>

namespace cuframes::core {

std::unique_ptr<PacketCopy> PacketCopy::make(size_t size, size_t metadata_size) {
    std::unique_ptr<PacketCopy> made(new PacketCopy);
    made->bytes_.reset(new (std::nothrow) std::byte[size + metadata_size]);
    if (!made->bytes_) {
        return nullptr;
    }
    made->view_.struct_size = sizeof(made->view_);
    made->view_.data = made->bytes();
    made->view_.size = size;
    made->view_.metadata = metadata_size > 0 ? made->bytes() + size : nullptr;
    made->view_.metadata_size = metadata_size;
    return made;
}

} // namespace cuframes::core
