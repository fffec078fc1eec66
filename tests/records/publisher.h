// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "publisher/membership.h"

#include <cstdint>
#include <memory>

namespace cuframes::test {

class RecordGeneration;

/// Publishes records. Nobody holds one, so room is only a matter of who has yet to read.
class RecordPublisher final : private core::Content {
public:
    /// `count`: records kept.
    static core::Result<std::unique_ptr<RecordPublisher>> create(core::MembershipOptions options, uint32_t count);
    ~RecordPublisher();

    core::Result<> configure();
    core::Result<> publish(uint64_t number);

    core::Membership& membership() { return *membership_; }

private:
    explicit RecordPublisher(uint32_t count) : count_(count) {}

    core::ContentKind kind() const override { return core::ContentKind::experiment; }
    const char* item() const override { return "record"; }
    core::Result<std::unique_ptr<core::Share>> admit(const core::Hello& hello, Lock& lock) override;
    uint64_t joins_after() const override;
    uint32_t patience(const core::Share& share) const override;
    uint32_t capacity() const override { return count_; }

    RecordGeneration* generation() const;

    const uint32_t count_;
    std::unique_ptr<core::Membership> membership_;
};

} // namespace cuframes::test
