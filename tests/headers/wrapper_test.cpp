// SPDX-License-Identifier: LGPL-2.1-or-later
//
// cuframes.hpp: owners own, results tell, and frames live as long as somebody holds them.
#include "picture.h"
#include "temp_dir.h"

#include <cuframes/cuframes.hpp>
#include <gtest/gtest.h>
#include <poll.h>

#include <optional>

namespace cuframes::test {

/// Publisher and subscriber of one process, in a directory of the test's own.
class Wrapper : public ::testing::Test {
protected:
    cuframes::Publisher publisher(const char* key = "cam") {
        auto options = publisher_options(key);
        options.directory = directory_.c_str();
        auto created = Publisher::create(options);
        EXPECT_TRUE(created) << created.error().message;
        EXPECT_TRUE(created->configure(ring_config(CUFRAMES_MEMORY_HOST, &geometry_, "video/x-raw")));
        return std::move(*created);
    }
    cuframes::Subscriber subscriber(const char* key = "cam") {
        auto options = subscriber_options(key);
        options.directory = directory_.c_str();
        options.mode = CUFRAMES_MODE_STRICT;
        auto created = Subscriber::create(options);
        EXPECT_TRUE(created) << created.error().message;
        return std::move(*created);
    }
    void publish(cuframes::Publisher& publisher, uint64_t number) {
        auto slot = publisher.acquire();
        ASSERT_TRUE(slot) << slot.error().message;
        picture_.draw(number);
        picture_.copy_to_slot(slot->data());
        const Status published = slot->publish(frame_info(number * 1000));
        EXPECT_TRUE(published) << published.error().message;
    }
    void expect_pixels(const cuframes::Frame& frame, uint64_t number) {
        const cuframes_image image = picture_.image();
        ASSERT_TRUE(frame.read(image));
        EXPECT_EQ(picture_.difference(number), "");
    }

    TempDir temp_;
    const std::string directory_ = (temp_.path() / "ring").string();
    const cuframes_geometry geometry_ = make_geometry("NV12", 66, 48, 64);
    Picture picture_{geometry_};
};

// A frame goes from a slot to a reader, with its pixels and what travels with them.
TEST_F(Wrapper, FrameArrives) {
    cuframes::Publisher source = publisher();
    cuframes::Subscriber sink = subscriber();
    publish(source, 1);
    auto frame = sink.next(std::chrono::seconds(20));
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->view().sequence, 1u);
    EXPECT_EQ((*frame)->pts, 1000u);
    EXPECT_EQ((*frame)->duration, CUFRAMES_TIME_NONE); // as nothing was said of it
    EXPECT_STREQ((*frame)->caps, "video/x-raw");
    expect_pixels(*frame, 1);
    EXPECT_EQ(static_cast<const char*>(frame->plane(1)) - static_cast<const char*>(frame->plane(0)),
              static_cast<ptrdiff_t>(geometry_.planes[1].offset));
}

// Failures are values with the C library's message.
TEST_F(Wrapper, FailureIsAValueWithAMessage) {
    auto options = publisher_options("not a key");
    options.directory = directory_.c_str();
    const auto refused = Publisher::create(options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.code(), CUFRAMES_ERROR_INVALID_KEY);
    EXPECT_NE(refused.error().message.find("not a key"), std::string::npos) << refused.error().message;

    cuframes::Subscriber alone = subscriber();
    EXPECT_EQ(alone.next(not_at_all).code(), CUFRAMES_ERROR_TIMEOUT);
}

// Copies of a frame hold it together, longer than the subscriber and the publisher live.
TEST_F(Wrapper, CopiesHoldTheFrameTogether) {
    std::optional<cuframes::Frame> kept;
    {
        cuframes::Publisher source = publisher();
        cuframes::Subscriber sink = subscriber();
        publish(source, 7);
        auto frame = sink.next(std::chrono::seconds(20));
        ASSERT_TRUE(frame);
        kept = *frame;
        const cuframes::Frame moved = std::move(*frame);
        EXPECT_EQ(sink.stats()->held, 1u) << "one lease, however many copies";
        for (uint64_t number = 8; number < 40; ++number) {
            publish(source, number);
        }
    }
    expect_pixels(*kept, 7);
    EXPECT_STREQ(kept->view().geometry->format, "NV12");
}

// A frame is given back when the last copy goes.
TEST_F(Wrapper, LastCopyGivesTheFrameBack) {
    cuframes::Publisher source = publisher();
    cuframes::Subscriber sink = subscriber();
    publish(source, 1);
    auto first = sink.next(std::chrono::seconds(20));
    ASSERT_TRUE(first);
    std::optional<cuframes::Frame> copy = *first;
    first = Error{};
    EXPECT_EQ(sink.stats()->held, 1u);
    copy.reset();
    EXPECT_EQ(sink.stats()->held, 0u);
}

// An abandoned slot is free again; nothing was published.
TEST_F(Wrapper, AbandonedSlotIsFreeAgain) {
    cuframes::Publisher source = publisher();
    for (int round = 0; round < 50; ++round) {
        ASSERT_TRUE(source.acquire());
    }
    EXPECT_EQ(source.stats()->published, 0u);
    EXPECT_TRUE(source.drop());
    EXPECT_EQ(source.stats()->dropped, 1u);
}

// The publisher names its subscribers, and the subscriber's descriptor can be polled.
TEST_F(Wrapper, SubscribersAreListedAndCanPoll) {
    cuframes::Publisher source = publisher();
    cuframes::Subscriber sink = subscriber();
    EXPECT_EQ(sink.next(not_at_all).code(), CUFRAMES_ERROR_TIMEOUT);
    ASSERT_TRUE(source.wait_subscribers(1, std::chrono::seconds(20)));
    const auto list = source.subscribers();
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 1u);
    EXPECT_EQ(list->front().mode, CUFRAMES_MODE_STRICT);
    publish(source, 1);
    pollfd readable = {sink.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 20'000), 1);
    EXPECT_TRUE(sink.next(std::chrono::seconds(20)));
    EXPECT_NE(source.socket_path().find(directory_), std::string::npos);
}

} // namespace cuframes::test
