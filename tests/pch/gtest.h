// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for test programs of many files: reading GoogleTest takes longer than compiling most tests.
#pragma once

#include <gtest/gtest.h>
