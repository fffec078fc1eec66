// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Text of a peer is shown as text, whatever bytes it is.
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace {

using namespace cuframes;
using namespace cuframes::core;

TEST(Utf8, TextStaysAsItIs) {
    for (const char* text : {"", "plain", "k\xc3\xbcnstlich", "\xe2\x82\xac", "\xf0\x9f\x8e\xa5", "\xed\x9f\xbf"}) {
        EXPECT_TRUE(is_utf8(text)) << text;
        EXPECT_EQ(valid_utf8(text, 100), text);
    }
}

TEST(Utf8, WhatIsNoneIsReplaced) {
    // A lone byte, a cut character, one longer than need be, half of a pair, beyond the last.
    for (const char* text : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
        EXPECT_FALSE(is_utf8(text));
        const std::string valid = valid_utf8(text, 100);
        EXPECT_TRUE(is_utf8(valid));
        EXPECT_EQ(valid.rfind("\xef\xbf\xbd", 0), 0u);
    }
    EXPECT_EQ(valid_utf8("a\xff"
                         "b",
                         100),
              "a\xef\xbf\xbd"
              "b");
}

TEST(Utf8, IsCutBetweenCharacters) {
    EXPECT_EQ(valid_utf8("a\xc3\xbc", 2), "a");
    EXPECT_EQ(valid_utf8("a\xc3\xbc", 3), "a\xc3\xbc");
    char target[4];
    copy_text(target, "ab\xe2\x82\xac");
    EXPECT_STREQ(target, "ab");
}

} // namespace
