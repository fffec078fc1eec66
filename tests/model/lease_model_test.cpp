// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The lease protocol itself, searched through with a crash at every step, and broken on purpose to see that the search
// would have found it.
#include "lease_model.h"

#include <gtest/gtest.h>

#include <iostream>
#include <string>

namespace cuframes::test {

class LeaseModel : public ::testing::TestWithParam<Size> {};

// A leased frame is never overwritten, whoever dies when, and the dead hold nothing once they are retired.
TEST_P(LeaseModel, CompleteProtocolIsSafe) {
    const Outcome outcome = search(Protocol::complete, GetParam());
    RecordProperty("states", std::to_string(outcome.states));
    std::cout << outcome.states << " states" << std::endl;
    EXPECT_FALSE(outcome.torn_read);
    EXPECT_FALSE(outcome.lost_slot);
    EXPECT_TRUE(outcome.every_frame_was_read) << "the search has to get to the last frame";
    EXPECT_GT(outcome.states, 10'000u);
}

// Without the INVALID mark before the scan a reader can lease a slot that is about to be written.
TEST_P(LeaseModel, NeedsTheInvalidationBeforeTheScan) {
    EXPECT_TRUE(search(Protocol::no_invalidation, GetParam()).torn_read);
    EXPECT_TRUE(search(Protocol::invalidation_late, GetParam()).torn_read);
}

// Without the second look a reader can lease a slot that was taken between its look and its lease.
TEST_P(LeaseModel, NeedsTheSecondLook) { EXPECT_TRUE(search(Protocol::no_second_look, GetParam()).torn_read); }

// Anonymous counts cannot be put right after a death: either they are reset and a living reader's frame is overwritten,
// or they are left alone and the slot is lost.
TEST_P(LeaseModel, NeedsLeasesWithANameOnThem) {
    EXPECT_TRUE(search(Protocol::counters_reset, GetParam()).torn_read);
    EXPECT_TRUE(search(Protocol::counters_left_alone, GetParam()).lost_slot);
}

INSTANTIATE_TEST_SUITE_P(Sizes, LeaseModel, ::testing::Values(Size{3, 4}, Size{4, 3}),
                         [](const ::testing::TestParamInfo<Size>& instance) {
                             return "slots" + std::to_string(instance.param.slots) + "frames" +
                                    std::to_string(instance.param.frames);
                         });

} // namespace cuframes::test
