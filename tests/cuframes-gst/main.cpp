// SPDX-License-Identifier: LGPL-2.1-or-later
#include "temp_dir.h"
#include "time_limit.h"

#include <gst/gst.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
    // The registry is this run's own: what nvcodec registers depends on the driver that it finds.
    const cuframes::test::TempDir registry;
#ifdef __SANITIZE_ADDRESS__
    // GStreamer's own scanner program cannot load a plugin that needs the sanitizer's runtime.
    ::setenv("GST_REGISTRY_FORK", "no", 1);
#endif
    ::setenv("GST_REGISTRY", (registry.path() / "registry.bin").c_str(), 1);
    gst_init(&argc, &argv);
    testing::InitGoogleTest(&argc, argv);
    cuframes::test::TimeLimit::set();
    return RUN_ALL_TESTS();
}
