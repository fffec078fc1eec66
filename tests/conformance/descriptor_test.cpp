// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The descriptor in a frame's view leads to its pixels, and to no way to change them.
#include "picture.h"
#include "ring_test.h"

#include <cuframes/cuframes.hpp>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <vector>

namespace cuframes::test {

namespace {

using cuframes::Frame;
using cuframes::Publisher;
using cuframes::Subscriber;

class Descriptor : public RingTest {
protected:
    Publisher publisher() const {
        auto options = cuframes::publisher_options("cam");
        const std::string path = directory();
        options.directory = path.c_str();
        auto made = Publisher::create(options);
        const cuframes_geometry geometry = make_geometry("GRAY8", 64, 48, GetParam() == Backend::cuda ? 512 : 64, 0);
        EXPECT_TRUE(made->configure(cuframes::ring_config(memory_of(GetParam()), &geometry)));
        return std::move(*made);
    }

    Subscriber reader() const {
        auto options = cuframes::subscriber_options("cam");
        const std::string path = directory();
        options.directory = path.c_str();
        options.mode = CUFRAMES_MODE_STRICT;
        return std::move(*Subscriber::create(options));
    }

    static void publish(Publisher& publisher, int value) {
        auto slot = publisher.acquire();
        ASSERT_TRUE(slot);
        if (GetParam() != Backend::cuda) {
            std::memset(slot->data(), value, 64 * 48);
        }
        ASSERT_TRUE(slot->publish(cuframes::frame_info(CUFRAMES_TIME_NONE)));
    }
};

} // namespace

TEST_P(Descriptor, OfAFrameInHostMemoryLeadsToItsPixels) {
    Publisher camera = publisher();
    Subscriber reads = reader();
    ASSERT_TRUE(reads.connect());
    std::vector<Frame> held;
    for (const int value : {17, 34, 51}) {
        publish(camera, value);
        auto frame = reads.next();
        ASSERT_TRUE(frame);
        const cuframes_frame_view& view = frame->view();
        if (GetParam() == Backend::cuda) {
            EXPECT_EQ(view.fd, -1);
            EXPECT_EQ(view.fd_offset, 0u);
            continue;
        }
        std::vector<unsigned char> pixels(64 * 48);
        ASSERT_EQ(::pread(view.fd, pixels.data(), pixels.size(), static_cast<off_t>(view.fd_offset)), 64 * 48);
        EXPECT_EQ(pixels, std::vector<unsigned char>(64 * 48, static_cast<unsigned char>(value)));
        EXPECT_EQ(::pwrite(view.fd, pixels.data(), 1, static_cast<off_t>(view.fd_offset)), -1);
        held.push_back(std::move(*frame));
    }
}

// It is borrowed from the ring, which lives for as long as a frame of it is held.
TEST_P(Descriptor, OutlivesTheSubscriberWhileAFrameIsHeld) {
    if (GetParam() == Backend::cuda) {
        GTEST_SKIP() << "there is none in GPU memory";
    }
    Publisher camera = publisher();
    std::optional<Subscriber> reads = reader();
    ASSERT_TRUE(reads->connect());
    publish(camera, 99);
    auto frame = reads->next();
    ASSERT_TRUE(frame);
    reads.reset();
    unsigned char pixel = 0;
    ASSERT_EQ(::pread(frame->view().fd, &pixel, 1, static_cast<off_t>(frame->view().fd_offset)), 1);
    EXPECT_EQ(pixel, 99);
}

CUFRAMES_OVER_BACKENDS(Descriptor);

} // namespace cuframes::test
