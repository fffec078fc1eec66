// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "pipeline.h"
#include "publisher.h"
#include "temp_dir.h"

#include <cuframes/cuframes.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace cuframes::test {

/// Every test has a socket directory of its own, which its child processes inherit.
class GstTest : public testing::Test {
protected:
    GstTest() { ::setenv("CUFRAMES_DIR", directory.path().c_str(), 1); }
    ~GstTest() override { ::unsetenv("CUFRAMES_DIR"); }

    TempDir directory;
};

inline bool have_element(const char* name) {
    GstElementFactory* factory = gst_element_factory_find(name);
    const bool found = factory != nullptr;
    gst_clear_object(&factory);
    return found;
}

/// Tests of `Base` that need a GPU and GStreamer's elements for it: skipped where there is none and none is asked for.
template <class Base>
class WithCuda : public Base {
protected:
    void SetUp() override {
        if (cuframes_cuda_self_test(0) != CUFRAMES_OK || !have_element("cudaupload")) {
            if (std::getenv("CUFRAMES_TEST_REQUIRE_CUDA")) {
                FAIL() << cuframes_last_error_message();
            }
            GTEST_SKIP() << "no CUDA here";
        }
    }
};

inline std::string raw_caps(const std::string& format, int width, int height, int rate = 30) {
    return "video/x-raw,format=" + format + ",width=" + std::to_string(width) + ",height=" + std::to_string(height) +
           ",framerate=" + std::to_string(rate) + "/1";
}

/// A sink for tests that want each frame: it starts with its reader and waits for it.
inline std::string lossless_sink(const std::string& key, int readers = 1) {
    return "cuframessink name=sink sync=false policy=wait wait-timeout=600000 wait-for-subscribers=" +
           std::to_string(readers) + " key=" + key;
}

inline std::string strict_reader(const std::string& key) {
    return "cuframessrc name=src mode=strict key=" + key + " ! appsink name=out sync=false max-buffers=1";
}

} // namespace cuframes::test
