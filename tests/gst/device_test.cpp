// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: applications that list devices see keys come, change and go, and get an element that reads them.
#include "fixture.h"

#include <map>
#include <memory>
#include <string>

namespace cuframes::test {
namespace {

constexpr const char* camera =
    "videotestsrc is-live=true ! video/x-raw,format=NV12,width=64,height=48,framerate=50/1 ! "
    "cuframessink name=sink key=";

struct Unref {
    void operator()(gpointer object) const { gst_object_unref(object); }
};
using Device = std::unique_ptr<GstDevice, Unref>;

std::string name_of(GstDevice* device) {
    gchar* text = gst_device_get_display_name(device);
    const std::string name = text;
    g_free(text);
    return name;
}

std::string caps_of(GstDevice* device) {
    GstCaps* caps = gst_device_get_caps(device);
    gchar* text = gst_caps_to_string(caps);
    const std::string out = text;
    g_free(text);
    gst_caps_unref(caps);
    return out;
}

size_t readers_of(const char* key) {
    cuframes_inspection* inspection = nullptr;
    EXPECT_EQ(cuframes_inspect(key, nullptr, 20000, &inspection), CUFRAMES_OK) << cuframes_last_error_message();
    const size_t count = inspection ? cuframes_inspection_get(inspection, 0)->subscriber_count : 0;
    cuframes_inspection_free(inspection);
    return count;
}

/// As gst-device-monitor-1.0 does it.
class Monitor {
public:
    explicit Monitor(const char* classes = "Video/Source", const char* caps = nullptr)
        : monitor_(gst_device_monitor_new()) {
        GstCaps* wanted = caps ? gst_caps_from_string(caps) : nullptr;
        gst_device_monitor_add_filter(monitor_.get(), classes, wanted);
        gst_clear_caps(&wanted);
        bus_.reset(gst_device_monitor_get_bus(monitor_.get()));
        EXPECT_TRUE(gst_device_monitor_start(monitor_.get()));
    }
    ~Monitor() { gst_device_monitor_stop(monitor_.get()); }

    /// The device of that key in the next message of that type; NULL: none within a generous time.
    Device next(GstMessageType type, const std::string& key) {
        const gint64 deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
        while (g_get_monotonic_time() < deadline) {
            GstMessage* message = gst_bus_timed_pop_filtered(bus_.get(), GST_SECOND, GST_MESSAGE_ANY);
            GstDevice* device = nullptr;
            if (message && GST_MESSAGE_TYPE(message) == type) {
                parse(message, &device);
            }
            gst_clear_message(&message);
            Device owned(device);
            if (device && name_of(device) == key) {
                return owned;
            }
        }
        return nullptr;
    }

    /// That of a key as soon as it is there, which may be before the monitor is; NULL: it does not come.
    Device find(const std::string& key) {
        Device out;
        eventually([&] {
            auto all = devices();
            out = std::move(all[key]);
            return out != nullptr;
        });
        return out;
    }

    /// Those that are there now.
    std::map<std::string, Device> devices() {
        std::map<std::string, Device> out;
        GList* list = gst_device_monitor_get_devices(monitor_.get());
        for (GList* item = list; item; item = item->next) {
            auto* device = GST_DEVICE(item->data);
            out[name_of(device)].reset(device);
        }
        g_list_free(list);
        return out;
    }

private:
    static void parse(GstMessage* message, GstDevice** device) {
        switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_DEVICE_ADDED:
            return gst_message_parse_device_added(message, device);
        case GST_MESSAGE_DEVICE_REMOVED:
            return gst_message_parse_device_removed(message, device);
        default:
            return gst_message_parse_device_changed(message, device, nullptr);
        }
    }

    std::unique_ptr<GstDeviceMonitor, Unref> monitor_;
    std::unique_ptr<GstBus, Unref> bus_;
};

class Devices : public GstTest {};

TEST_F(Devices, AreThereWhereAKeyIs) {
    RemotePipeline publisher(std::string(camera) + "gate");
    publisher.play();
    Monitor monitor;
    Device device = monitor.find("gate");
    ASSERT_TRUE(device);
    EXPECT_EQ(caps_of(device.get()).substr(0, 11), "video/x-raw");
    EXPECT_NE(caps_of(device.get()).find("width=(int)64, height=(int)48"), std::string::npos) << caps_of(device.get());
    EXPECT_TRUE(gst_device_has_classes(device.get(), "Video/Source"));
    GstStructure* properties = gst_device_get_properties(device.get());
    EXPECT_STREQ(gst_structure_get_string(properties, "device.api"), "cuframes");
    EXPECT_STREQ(gst_structure_get_string(properties, "cuframes.content"), "frames");
    gst_structure_free(properties);
    EXPECT_EQ(monitor.devices().count("gate"), 1U);
    EXPECT_EQ(publisher.stat("refused"), 0);
    EXPECT_EQ(readers_of("gate"), 0U) << "listing attached to it";
}

TEST_F(Devices, ComeWhenAPublisherComesAndGoWhenItGoes) {
    Monitor monitor;
    {
        RemotePipeline publisher(std::string(camera) + "gate");
        publisher.play();
        EXPECT_TRUE(monitor.next(GST_MESSAGE_DEVICE_ADDED, "gate"));
    }
    EXPECT_TRUE(monitor.next(GST_MESSAGE_DEVICE_REMOVED, "gate"));
    EXPECT_TRUE(monitor.devices().empty());
}

TEST_F(Devices, GoWhenAPublisherIsKilled) {
    Monitor monitor;
    RemotePipeline publisher(std::string(camera) + "gate");
    publisher.play();
    EXPECT_TRUE(monitor.next(GST_MESSAGE_DEVICE_ADDED, "gate"));
    publisher.process().kill();
    EXPECT_TRUE(monitor.next(GST_MESSAGE_DEVICE_REMOVED, "gate"));
}

TEST_F(Devices, ChangeWithTheCaps) {
    Monitor monitor;
    RemotePipeline publisher("videotestsrc is-live=true ! capsfilter name=filter "
                             "caps=video/x-raw,format=NV12,width=64,height=48 ! cuframessink key=gate");
    publisher.play();
    EXPECT_TRUE(monitor.next(GST_MESSAGE_DEVICE_ADDED, "gate"));
    publisher.set("filter", "caps", "video/x-raw,format=NV12,width=96,height=48");
    Device changed = monitor.next(GST_MESSAGE_DEVICE_CHANGED, "gate");
    ASSERT_TRUE(changed);
    EXPECT_NE(caps_of(changed.get()).find("width=(int)96"), std::string::npos);
}

TEST_F(Devices, OfPacketsAreOfTheirClass) {
    for (const char* encoder : {"x264enc", "opusenc"}) {
        if (!have_element(encoder)) {
            GTEST_SKIP() << "no " << encoder << " here";
        }
    }
    RemotePipeline video("videotestsrc is-live=true ! x264enc tune=zerolatency ! h264parse ! cuframessink name=sink "
                         "key=gate.h264");
    RemotePipeline sound("audiotestsrc is-live=true ! opusenc ! cuframessink name=sink key=gate.opus");
    video.play();
    sound.play();
    Monitor cameras, h264("Video/Source", "video/x-h264"), microphones("Audio/Source");
    EXPECT_TRUE(cameras.find("gate.h264"));
    EXPECT_TRUE(h264.find("gate.h264"));
    EXPECT_TRUE(microphones.find("gate.opus"));
    EXPECT_EQ(cameras.devices().count("gate.opus"), 0U);
}

TEST_F(Devices, MakeAnElementThatReadsThem) {
    RemotePipeline publisher(std::string(camera) + "gate");
    publisher.play();
    Monitor monitor;
    Device device = monitor.find("gate");
    ASSERT_TRUE(device);
    GstElement* pipeline = gst_pipeline_new(nullptr);
    GstElement* source = gst_device_create_element(device.get(), "camera");
    GstElement* sink = gst_element_factory_make("fakesink", nullptr);
    ASSERT_TRUE(source);
    g_object_set(source, "num-buffers", 5, nullptr);
    gst_bin_add_many(GST_BIN(pipeline), source, sink, nullptr);
    ASSERT_TRUE(gst_element_link(source, sink));
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus* bus = gst_element_get_bus(pipeline);
    GstMessage* end = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND,
                                                 static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    ASSERT_TRUE(end);
    EXPECT_EQ(GST_MESSAGE_TYPE(end), GST_MESSAGE_EOS);
    gst_message_unref(end);
    gst_object_unref(bus);
    gst_element_set_state(pipeline, GST_STATE_NULL);

    GstElement* other = gst_element_factory_make("cuframessrc", nullptr);
    EXPECT_TRUE(gst_device_reconfigure_element(device.get(), other));
    gchar* key = nullptr;
    g_object_get(other, "key", &key, nullptr);
    EXPECT_STREQ(key, "gate");
    g_free(key);
    EXPECT_FALSE(gst_device_reconfigure_element(device.get(), sink));
    gst_object_unref(other);
    gst_object_unref(pipeline);
}

} // namespace
} // namespace cuframes::test
