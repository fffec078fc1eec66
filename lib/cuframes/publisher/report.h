// SPDX-License-Identifier: LGPL-2.1-or-later
/// A report that is being written (protocol/report.h).
#pragma once

#include "base/result.h"
#include "ipc/unique_fd.h"
#include "protocol/report.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cuframes::core {

class Report {
public:
    ReportFacts facts = {}; ///< Goes with the rest in the end.

    template <class T>
    void add(ReportKind kind, const T& value) {
        add(kind, &value, sizeof(value));
    }
    void add_text(ReportKind kind, std::string_view text) { add(kind, text.data(), text.size()); }

    struct Sealed {
        UniqueFd fd;
        uint64_t size;
    };
    /// As a memfd to be sent.
    Result<Sealed> seal();

private:
    void add(ReportKind kind, const void* bytes, size_t size);

    std::vector<std::byte> bytes_;
};

} // namespace cuframes::core
