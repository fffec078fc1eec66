// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for tests of pipelines.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>
