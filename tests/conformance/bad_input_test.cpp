// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Input that cannot work: each has an error value of its own and a message that names what was wrong, the process lives
// on, and nothing is left on disk.
#include "picture.h"
#include "ring_test.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace cuframes::test {

class BadInput : public HostTest {
protected:
    /// Tries to create a publisher and says what came of it.
    int publish(const std::string& key, const std::string& directory, uint32_t slots = 0) {
        cuframes_publisher_options options;
        CUFRAMES_INIT(options);
        options.key = key.c_str();
        options.directory = directory.c_str();
        options.slots = slots;
        cuframes_publisher* publisher = nullptr;
        const int result = cuframes_publisher_create(&options, &publisher);
        cuframes_publisher_destroy(publisher);
        return result;
    }

    int subscribe(const std::string& key, uint32_t max_held = 0) {
        cuframes_subscriber_options options;
        CUFRAMES_INIT(options);
        options.key = key.c_str();
        options.directory = path_.c_str();
        options.max_held = max_held;
        cuframes_subscriber* subscriber = nullptr;
        const int result = cuframes_subscriber_create(&options, &subscriber);
        cuframes_subscriber_destroy(subscriber);
        return result;
    }

    void expect_message_with(const std::string& part) {
        EXPECT_NE(std::string(cuframes_last_error_message()).find(part), std::string::npos)
            << "'" << cuframes_last_error_message() << "' does not name '" << part << "'";
    }
    void expect_nothing_on_disk() { EXPECT_EQ(temp().contents(), std::vector<std::string>()); }

    const std::string path_ = directory();
};

namespace {

/// A publisher handle in this process, for calls that must fail on it.
class LocalPublisher {
public:
    explicit LocalPublisher(const std::string& directory) {
        cuframes_publisher_options options;
        CUFRAMES_INIT(options);
        options.key = "cam";
        options.directory = directory.c_str();
        EXPECT_EQ(cuframes_publisher_create(&options, &handle_), CUFRAMES_OK) << cuframes_last_error_message();
    }
    LocalPublisher(const LocalPublisher&) = delete;
    LocalPublisher& operator=(const LocalPublisher&) = delete;
    ~LocalPublisher() { cuframes_publisher_destroy(handle_); }

    cuframes_publisher* get() const { return handle_; }

private:
    cuframes_publisher* handle_ = nullptr;
};

const cuframes_geometry& sound_geometry() {
    static const cuframes_geometry geometry = make_geometry("NV12", 64, 48, 64);
    return geometry;
}

cuframes_ring_config valid_config() {
    cuframes_ring_config config;
    CUFRAMES_INIT(config);
    config.memory = CUFRAMES_MEMORY_HOST;
    config.geometry = &sound_geometry();
    return config;
}

} // namespace

// Illegal keys are refused on both sides.
TEST_F(BadInput, IllegalKeys) {
    const std::string illegal[] = {
        "", "a b", "a/b", "..", "../up", "k\xc3\xbc", std::string(CUFRAMES_MAX_KEY + 1, 'k')};
    for (const std::string& key : illegal) {
        EXPECT_EQ(publish(key, path_), CUFRAMES_ERROR_INVALID_KEY) << key;
        EXPECT_EQ(subscribe(key), CUFRAMES_ERROR_INVALID_KEY) << key;
    }
    expect_nothing_on_disk();
    EXPECT_EQ(publish(std::string(CUFRAMES_MAX_KEY, 'k'), path_), CUFRAMES_OK) << cuframes_last_error_message();
    EXPECT_EQ(publish("A-Z_a.z0-9", path_), CUFRAMES_OK) << cuframes_last_error_message();
}

// The error says which key and which character.
TEST_F(BadInput, IllegalKeyIsNamed) {
    EXPECT_EQ(publish("gate one", path_), CUFRAMES_ERROR_INVALID_KEY);
    expect_message_with("gate one");
}

// A directory that is a file, and one whose parent does not exist.
TEST_F(BadInput, DirectoryThatCannotBeUsed) {
    const std::string file = (temp().path() / "file").string();
    std::ofstream(file) << "not a directory";
    EXPECT_EQ(publish("cam", file), CUFRAMES_ERROR_DIRECTORY);
    expect_message_with(file);
    const std::string orphan = (temp().path() / "none" / "ring").string();
    EXPECT_EQ(publish("cam", orphan), CUFRAMES_ERROR_DIRECTORY);
    expect_message_with(orphan);
    EXPECT_EQ(temp().contents(), std::vector<std::string>{"file"});
}

// A path that does not fit a socket address is refused before anything is made.
TEST_F(BadInput, PathTooLong) {
    const std::string deep = (temp().path() / std::string(100, 'd')).string();
    EXPECT_EQ(publish("cam", deep), CUFRAMES_ERROR_PATH_TOO_LONG);
    expect_message_with("107");
    expect_nothing_on_disk();
}

// Ring sizes that cannot work.
TEST_F(BadInput, SlotsOutOfRange) {
    for (const uint32_t slots : {1u, 2u, 129u, 4'000'000'000u}) {
        EXPECT_EQ(publish("cam", path_, slots), CUFRAMES_ERROR_INVALID_ARGUMENT) << slots;
        expect_message_with("slots");
    }
    EXPECT_EQ(subscribe("cam", CUFRAMES_MAX_HELD + 1), CUFRAMES_ERROR_INVALID_ARGUMENT);
    expect_message_with("max_held");
    expect_nothing_on_disk();
}

// Geometries that contradict themselves are refused by configure(), and the publisher can be configured afterwards.
TEST_F(BadInput, GeometryThatDoesNotHoldTogether) {
    const LocalPublisher publisher(path_);
    void (*const changes[])(cuframes_geometry&) = {
        [](cuframes_geometry& geometry) { geometry.width = 0; },
        [](cuframes_geometry& geometry) { geometry.plane_count = 0; },
        [](cuframes_geometry& geometry) { geometry.plane_count = CUFRAMES_MAX_PLANES + 1; },
        [](cuframes_geometry& geometry) { geometry.frame_size = 0; },
        [](cuframes_geometry& geometry) { geometry.frame_size -= 1; },
        [](cuframes_geometry& geometry) { geometry.planes[0].pitch = geometry.planes[0].row_bytes - 1; },
        [](cuframes_geometry& geometry) { geometry.planes[1].offset = UINT64_MAX - 3; },
        [](cuframes_geometry& geometry) { geometry.planes[1].rows = UINT32_MAX; },
        [](cuframes_geometry& geometry) { std::memset(geometry.format, 'f', sizeof(geometry.format)); },
    };
    for (size_t i = 0; i < std::size(changes); ++i) {
        cuframes_ring_config config = valid_config();
        cuframes_geometry geometry = sound_geometry();
        changes[i](geometry);
        config.geometry = &geometry;
        EXPECT_EQ(cuframes_publisher_configure(publisher.get(), &config), CUFRAMES_ERROR_INVALID_ARGUMENT) << i;
        EXPECT_STRNE(cuframes_last_error_message(), "");
    }
    cuframes_ring_config config = valid_config();
    EXPECT_EQ(cuframes_publisher_configure(publisher.get(), &config), CUFRAMES_OK) << cuframes_last_error_message();
}

// Caps beyond what the ring can carry, an unknown kind of memory, a frame no machine has memory for.
TEST_F(BadInput, ConfigurationsThatCannotBe) {
    const LocalPublisher publisher(path_);
    const std::string caps(17 * 1024, 'c');
    cuframes_ring_config config = valid_config();
    config.caps = caps.c_str();
    EXPECT_EQ(cuframes_publisher_configure(publisher.get(), &config), CUFRAMES_ERROR_INVALID_ARGUMENT);
    expect_message_with("caps");

    config = valid_config();
    config.memory = static_cast<cuframes_memory>(3);
    EXPECT_EQ(cuframes_publisher_configure(publisher.get(), &config), CUFRAMES_ERROR_INVALID_ARGUMENT);

    config = valid_config();
    cuframes_geometry vast = make_geometry("GRAY8", 65536, 65536, 65536);
    vast.frame_size = uint64_t{1} << 46;
    config.geometry = &vast;
    EXPECT_LT(cuframes_publisher_configure(publisher.get(), &config), 0);
}

// A device that no host has is refused by that number, and not taken for the default.
TEST_F(BadInput, ADeviceBeyondAllNumbers) {
    const LocalPublisher publisher(path_);
    cuframes_ring_config config = valid_config();
    config.memory = CUFRAMES_MEMORY_CUDA;
    config.cuda_device = cuframes_some(uint64_t{1} << 40);
    const int result = cuframes_publisher_configure(publisher.get(), &config);
    EXPECT_TRUE(result == CUFRAMES_ERROR_UNKNOWN_DEVICE || result == CUFRAMES_ERROR_NO_DRIVER)
        << cuframes_last_error_message();
}

// Calls before there is a ring, and arguments that are missing.
TEST_F(BadInput, CallsOutOfTurnAndMissingArguments) {
    const LocalPublisher publisher(path_);
    cuframes_slot* slot = nullptr;
    EXPECT_EQ(cuframes_publisher_acquire(publisher.get(), CUFRAMES_ACQUIRE_DEFAULT, &slot),
              CUFRAMES_ERROR_INVALID_STATE);
    EXPECT_EQ(cuframes_publisher_acquire(nullptr, CUFRAMES_ACQUIRE_DEFAULT, &slot), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(cuframes_publisher_configure(publisher.get(), nullptr), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(cuframes_publisher_create(nullptr, nullptr), CUFRAMES_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(cuframes_subscriber_create(nullptr, nullptr), CUFRAMES_ERROR_INVALID_ARGUMENT);
    cuframes_publisher_options options;
    std::memset(&options, 0, sizeof(options));
    options.key = "cam";
    cuframes_publisher* other = nullptr;
    EXPECT_EQ(cuframes_publisher_create(&options, &other), CUFRAMES_ERROR_INVALID_ARGUMENT) << "struct_size is 0";
    expect_message_with("struct_size");
}

// An image that does not match the ring's geometry is refused, not copied.
TEST_F(BadInput, ImageThatDoesNotFit) {
    const LocalPublisher publisher(path_);
    cuframes_ring_config config = valid_config();
    ASSERT_EQ(cuframes_publisher_configure(publisher.get(), &config), CUFRAMES_OK);
    cuframes_slot* slot = nullptr;
    ASSERT_EQ(cuframes_publisher_acquire(publisher.get(), CUFRAMES_ACQUIRE_DEFAULT, &slot), CUFRAMES_OK);
    Picture picture(sound_geometry());
    cuframes_image image = picture.image();
    image.plane_count = 1;
    EXPECT_EQ(cuframes_slot_write(slot, &image), CUFRAMES_ERROR_INVALID_ARGUMENT);
    image = picture.image();
    image.pitch[0] = sound_geometry().planes[0].row_bytes - 1;
    EXPECT_EQ(cuframes_slot_write(slot, &image), CUFRAMES_ERROR_INVALID_ARGUMENT);
    image = picture.image();
    image.planes[1] = nullptr;
    EXPECT_EQ(cuframes_slot_write(slot, &image), CUFRAMES_ERROR_INVALID_ARGUMENT);
    cuframes_slot_release(slot);
}

// GPU memory on a host without a driver: its own error, and what to do instead.
TEST_F(BadInput, GpuMemoryWithoutADriver) {
    ChildOptions options = in_directory();
    options.environment["LD_LIBRARY_PATH"] = "";
    Process publisher(options);
    if (publisher.call("cuda").number("present")) {
        GTEST_SKIP() << "this host has a driver";
    }
    publisher.call("publisher");
    const Message refusal = publisher.ask("configure memory=cuda");
    EXPECT_EQ(refusal.number("code"), CUFRAMES_ERROR_NO_DRIVER);
    EXPECT_NE(refusal.text("text").find(CUFRAMES_TEST_LACKING), std::string::npos) << refusal.text("text");
    EXPECT_EQ(publisher.ask("self_test device=0").number("code"), CUFRAMES_ERROR_NO_DRIVER);
    publisher.call("configure memory=host");
    publisher.call("publish count=3");
}

} // namespace cuframes::test
