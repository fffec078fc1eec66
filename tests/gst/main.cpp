// SPDX-License-Identifier: LGPL-2.1-or-later
#include "decoration.h"
#include "publisher.h"
#include "temp_dir.h"
#include "time_limit.h"

#include <gst/gst.h>
#include <gtest/gtest.h>

#include <memory>
#include <string_view>

int main(int argc, char** argv) {
    const bool is_child = argc > 1 && std::string_view(argv[1]) == "--role=pipeline";
    // The registry is this run's own; child processes share it, so that plugins are scanned once.
    std::unique_ptr<cuframes::test::TempDir> registry;
    if (!is_child) {
        registry = std::make_unique<cuframes::test::TempDir>();
#ifdef __SANITIZE_ADDRESS__
        // GStreamer's own scanner program cannot load a plugin that needs the sanitizer's runtime.
        ::setenv("GST_REGISTRY_FORK", "no", 1);
#endif
        ::setenv("GST_REGISTRY", (registry->path() / "registry.bin").c_str(), 1);
    }
    gst_init(&argc, &argv);
    cuframes::test::register_custom_meta();
    if (is_child) {
        return cuframes::test::pipeline_main();
    }
    testing::InitGoogleTest(&argc, argv);
    cuframes::test::TimeLimit::set();
    return RUN_ALL_TESTS();
}
