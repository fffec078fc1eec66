// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a sink's application sees who reads, how far each one is, and who left and why; and its handlers may do what
// they like.
#include "fixture.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace cuframes::test {
namespace {

constexpr const char* camera =
    "videotestsrc is-live=true ! video/x-raw,format=NV12,width=64,height=48,framerate=100/1 ! "
    "cuframessink name=sink sync=false key=watched ";

/// What the signals of a sink said, in order.
class Log {
public:
    explicit Log(GstElement* sink) {
        g_signal_connect(sink, "subscriber-added", G_CALLBACK(added), this);
        g_signal_connect(sink, "subscriber-removed", G_CALLBACK(removed), this);
        g_signal_connect(sink, "notify::num-subscribers", G_CALLBACK(counted), this);
    }

    bool has(const std::string& line) {
        const std::lock_guard lock(mutex_);
        return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
    }
    guint last_count() const { return count_; }

private:
    static void added(GstElement*, const gchar* name, gint pid, gpointer self) {
        static_cast<Log*>(self)->put(std::string(name) + " " + std::to_string(pid) + " came");
    }
    static void removed(GstElement*, const gchar* name, gint pid, const gchar* reason, gpointer self) {
        static_cast<Log*>(self)->put(std::string(name) + " " + std::to_string(pid) + " " + reason);
    }
    static void counted(GObject* sink, GParamSpec*, gpointer self) {
        guint count = 0;
        g_object_get(sink, "num-subscribers", &count, nullptr);
        static_cast<Log*>(self)->count_ = count;
    }
    void put(const std::string& line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(line);
    }

    std::mutex mutex_;
    std::vector<std::string> lines_;
    std::atomic<guint> count_ = 0;
};

class Subscribers : public GstTest {
protected:
    static std::string reader_line(const std::string& options) {
        return "cuframessrc name=src key=watched " + options + " ! fakesink name=fake sync=false";
    }
};

TEST_F(Subscribers, SignalsTellWhoComesAndGoesAndWhy) {
    Pipeline publisher(camera);
    Log log(publisher.element("sink"));
    publisher.play();
    RemotePipeline polite(reader_line("name-tag=polite")), killed(reader_line("name-tag=killed"));
    polite.play();
    killed.play();
    const std::string polite_pid = std::to_string(polite.process().pid());
    const std::string killed_pid = std::to_string(killed.process().pid());
    EXPECT_TRUE(eventually([&] { return log.has("polite " + polite_pid + " came"); }));
    EXPECT_TRUE(eventually([&] { return log.has("killed " + killed_pid + " came"); }));
    EXPECT_TRUE(eventually([&] { return log.last_count() == 2; }));
    killed.process().kill();
    EXPECT_TRUE(eventually([&] { return log.has("killed " + killed_pid + " died"); }));
    polite.set_state("null");
    EXPECT_TRUE(eventually([&] { return log.has("polite " + polite_pid + " closed"); }));
    EXPECT_TRUE(eventually([&] { return log.last_count() == 0; }));
    publisher.set_state(GST_STATE_NULL);
}

TEST_F(Subscribers, StatisticsShowEachReader) {
    Pipeline publisher(camera);
    publisher.play();
    Pipeline reader("cuframessrc name=src name-tag=looker mode=strict max-held=3 key=watched ! "
                    "appsink name=out sync=false max-buffers=1");
    reader.play();
    ASSERT_TRUE(reader.pull());
    const auto entry = [&]() -> Structure {
        const Structure stats = publisher.stats("sink");
        const GValue* list = gst_structure_get_value(stats.get(), "subscribers");
        if (gst_value_array_get_size(list) != 1) {
            return nullptr;
        }
        return Structure(gst_structure_copy(gst_value_get_structure(gst_value_array_get_value(list, 0))));
    };
    ASSERT_TRUE(eventually([&] { return entry() != nullptr; }));
    EXPECT_STREQ(gst_structure_get_string(entry().get(), "name"), "looker");
    EXPECT_STREQ(gst_structure_get_string(entry().get(), "mode"), "strict");
    EXPECT_EQ(number_in(entry().get(), "pid"), static_cast<uint64_t>(getpid()));
    EXPECT_EQ(number_in(entry().get(), "max-held"), 3u);
    // Nobody takes the samples: the reader falls back and holds what it may.
    EXPECT_TRUE(eventually([&] { return number_in(entry().get(), "lag") > 2; }));
    EXPECT_TRUE(eventually([&] { return number_in(entry().get(), "held") >= 2; }));
    EXPECT_GT(publisher.stat("sink", "bytes"), 0u);
    guint64 epoch = 0;
    g_object_get(publisher.element("sink"), "epoch", &epoch, nullptr);
    EXPECT_EQ(epoch, publisher.stat("sink", "epoch"));
    EXPECT_EQ(epoch, reader.stat("src", "epoch"));
    EXPECT_EQ(reader.stat("src", "publisher-pid"), static_cast<uint64_t>(getpid()));
}

TEST_F(Subscribers, AHandlerMayStopTheSink) {
    Pipeline publisher(camera);
    std::atomic<bool> stopped = false;
    struct Both {
        GstElement* pipeline;
        std::atomic<bool>& stopped;
    } both{publisher.get(), stopped};
    g_signal_connect(publisher.element("sink"), "subscriber-added",
                     G_CALLBACK(+[](GstElement*, const gchar*, gint, gpointer data) {
                         auto* to_stop = static_cast<Both*>(data);
                         gst_element_set_state(to_stop->pipeline, GST_STATE_NULL);
                         to_stop->stopped = true;
                     }),
                     &both);
    publisher.play();
    Pipeline reader(reader_line(""));
    reader.play();
    EXPECT_TRUE(eventually([&] { return stopped.load(); }));
}

TEST_F(Subscribers, TheFirstFrameWaitsForAsManyAsAsked) {
    Pipeline publisher("videotestsrc num-buffers=50 ! video/x-raw,format=NV12,width=64,height=48 ! cuframessink "
                       "name=sink sync=false key=watched wait-for-subscribers=2 policy=wait");
    publisher.play();
    Pipeline first(reader_line("mode=strict")), second(reader_line("mode=strict"));
    first.play();
    first.wait_for_publisher("attached");
    EXPECT_EQ(publisher.stat("sink", "published"), 0u);
    second.play();
    for (Pipeline* reader : {&first, &second}) {
        EXPECT_EQ(reader->wait_for(GST_MESSAGE_EOS).kind, BusNews::end_of_stream);
        EXPECT_EQ(reader->stat("src", "received"), 50u);
        EXPECT_EQ(reader->stat("src", "lost"), 0u);
    }
}

TEST_F(Subscribers, StatisticsOfTheEndStayAfterTheStop) {
    Pipeline publisher("videotestsrc num-buffers=7 ! video/x-raw,format=NV12,width=64,height=48 ! cuframessink "
                       "name=sink sync=false key=watched");
    EXPECT_EQ(publisher.run_to_end(), "");
    publisher.set_state(GST_STATE_NULL);
    EXPECT_EQ(publisher.stat("sink", "published"), 7u);
}

} // namespace
} // namespace cuframes::test
