// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher/report.h"

#include "ipc/shared_memory.h"

#include <cstring>

namespace cuframes::core {

void Report::add(ReportKind kind, const void* bytes, size_t size) {
    const ReportPart part = {static_cast<uint32_t>(kind), static_cast<uint32_t>(size)};
    const size_t at = bytes_.size();
    bytes_.resize(at + report_room(size));
    std::memcpy(bytes_.data() + at, &part, sizeof(part));
    if (size > 0) {
        std::memcpy(bytes_.data() + at + sizeof(part), bytes, size);
    }
}

Result<Report::Sealed> Report::seal() {
    add(ReportKind::facts, facts);
    auto memory = create_shared_memory("cuframes-report", bytes_.size(), bytes_.size(), Writers::only_present_mappings);
    if (!memory) {
        return memory.error();
    }
    std::memcpy(memory->mapping.data(), bytes_.data(), bytes_.size());
    return Sealed{std::move(memory->fd), bytes_.size()};
}

} // namespace cuframes::core
