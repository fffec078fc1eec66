// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "subscriber/connector.h"

#include <cstdint>
#include <memory>

namespace cuframes::test {

/// Reads records: each is copied out and looked at again, as one that is overwritten meanwhile was lost.
class RecordReader final : private core::ReaderContent {
public:
    struct Item {
        uint64_t sequence;
        uint64_t number;
        uint64_t missed;
        bool discontinuity;
        uint64_t epoch;
    };

    static core::Result<std::unique_ptr<RecordReader>> create(core::ConnectorOptions options);
    ~RecordReader() { connector_.reset(); }

    core::Result<Item> next(int64_t timeout_ms);
    core::Connector& connector() { return *connector_; }

private:
    RecordReader() = default;

    core::ContentKind kind() const override { return core::ContentKind::experiment; }
    const char* item() const override { return "record"; }
    size_t descriptors() const override { return 2; }
    core::Result<std::shared_ptr<core::AdoptedGeneration>> open(const std::shared_ptr<core::Link>& link,
                                                                const core::Datagram& datagram) override;
    core::Result<core::Found> take(core::AdoptedGeneration& generation) override;
    void keep(const core::Arrival& arrival) override;

    Item item_ = {};
    std::unique_ptr<core::Connector> connector_;
};

} // namespace cuframes::test
