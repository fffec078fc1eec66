// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: gst-inspect-1.0 says all there is to know, and the defaults are the documented ones.
#include "fixture.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

namespace cuframes::test {
namespace {

class Inspect : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        GstElement* made = gst_element_factory_make(GetParam(), nullptr);
        ASSERT_NE(made, nullptr);
        element = GST_ELEMENT(gst_object_ref_sink(made));
    }
    void TearDown() override { gst_clear_object(&element); }

    std::vector<GParamSpec*> own_properties() const {
        guint count = 0;
        GParamSpec** all = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
        std::vector<GParamSpec*> own;
        for (guint i = 0; i < count; ++i) {
            if (all[i]->owner_type == G_OBJECT_TYPE(element)) {
                own.push_back(all[i]);
            }
        }
        g_free(all);
        return own;
    }

    GstElement* element = nullptr;
};

TEST_P(Inspect, EveryPropertyIsDescribedAndSettableInReadyOnly) {
    ASSERT_FALSE(own_properties().empty());
    for (GParamSpec* property : own_properties()) {
        EXPECT_STRNE(g_param_spec_get_nick(property), "") << property->name;
        EXPECT_GT(strlen(g_param_spec_get_blurb(property)), 10u) << property->name;
        if (property->flags & G_PARAM_WRITABLE) {
            EXPECT_TRUE(property->flags & GST_PARAM_MUTABLE_READY) << property->name;
        }
    }
}

TEST_P(Inspect, WhatIsSetIsWhatIsRead) {
    for (GParamSpec* property : own_properties()) {
        if (!(property->flags & G_PARAM_WRITABLE)) {
            continue;
        }
        GValue value = G_VALUE_INIT, back = G_VALUE_INIT;
        g_value_init(&value, property->value_type);
        g_value_init(&back, property->value_type);
        if (G_IS_PARAM_SPEC_STRING(property)) {
            g_value_set_static_string(&value, "group:video");
        } else if (G_IS_PARAM_SPEC_ENUM(property)) {
            g_value_set_enum(&value, 1);
        } else if (G_IS_PARAM_SPEC_UINT64(property)) {
            g_value_set_uint64(&value, 12'345'678'901);
        } else if (G_IS_PARAM_SPEC_UINT(property)) {
            g_value_set_uint(&value, 17);
        } else if (G_IS_PARAM_SPEC_UINT64(property)) {
            g_value_set_uint64(&value, 170);
        } else {
            g_value_set_int(&value, 3);
        }
        g_object_set_property(G_OBJECT(element), property->name, &value);
        g_object_get_property(G_OBJECT(element), property->name, &back);
        EXPECT_EQ(g_param_values_cmp(property, &value, &back), 0) << property->name;
        g_value_unset(&value);
        g_value_unset(&back);
    }
}

TEST_P(Inspect, EnumsBelongToThePlugin) {
    for (GParamSpec* property : own_properties()) {
        GstPluginAPIFlags flags;
        if (G_IS_PARAM_SPEC_ENUM(property)) {
            EXPECT_TRUE(gst_type_is_plugin_api(property->value_type, &flags)) << property->name;
        }
    }
}

TEST_P(Inspect, KlassPadsAndLicence) {
    GstElementFactory* factory = gst_element_get_factory(element);
    const bool is_sink = std::string(GetParam()) == "cuframessink";
    EXPECT_STREQ(gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_KLASS),
                 is_sink ? "Sink/Video" : "Source/Video");
    GstPadTemplate* pad = gst_element_get_pad_template(element, is_sink ? "sink" : "src");
    ASSERT_NE(pad, nullptr);
    GstCaps* caps = gst_pad_template_get_caps(pad);
    for (const char* format : {"NV12", "P010_10LE", "RGBP", "v210", "NV12_4L4"}) {
        GstCaps* one = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, format, nullptr);
        EXPECT_TRUE(gst_caps_can_intersect(caps, one)) << format;
        gst_caps_unref(one);
    }
    gst_caps_unref(caps);
    GstPlugin* plugin = gst_plugin_feature_get_plugin(GST_PLUGIN_FEATURE(factory));
    EXPECT_STREQ(gst_plugin_get_license(plugin), "LGPL");
    EXPECT_STREQ(gst_plugin_get_version(plugin), CUFRAMES_TEST_VERSION);
    gst_object_unref(plugin);
}

TEST_P(Inspect, DefaultsAreTheDocumentedOnes) {
    const std::map<std::string, std::string> common = {{"memory", "auto"}, {"cuda-device-id", "-1"}, {"key", "NULL"}};
    const std::map<std::string, std::string> sink = {{"slots", "0"},
                                                     {"policy", "drop"},
                                                     {"wait-timeout", "1000"},
                                                     {"wait-for-subscribers", "0"},
                                                     {"access", "user"},
                                                     {"max-subscribers", "64"},
                                                     {"sync", "true"},
                                                     {"epoch", "0"},
                                                     {"num-subscribers", "0"},
                                                     {"enable-last-sample", "true"},
                                                     {"max-slots", "128"},
                                                     {"max-time", "15000"},
                                                     {"max-bytes", "67108864"},
                                                     {"content", "auto"}};
    const std::map<std::string, std::string> src = {
        {"mode", "newest"},        {"max-held", "0"},    {"connect-timeout", "0"}, {"on-gone", "wait"},
        {"do-timestamp", "false"}, {"name-tag", "NULL"}, {"on-eos", "eos"},        {"on-exhausted", "copy"}};
    std::map<std::string, std::string> all = common;
    const auto& own = std::string(GetParam()) == "cuframessink" ? sink : src;
    all.insert(own.begin(), own.end());
    for (const auto& [name, expected] : all) {
        GParamSpec* property = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name.c_str());
        ASSERT_NE(property, nullptr) << name;
        GValue value = G_VALUE_INIT;
        g_value_init(&value, property->value_type);
        g_object_get_property(G_OBJECT(element), name.c_str(), &value);
        gchar* text = gst_value_serialize(&value);
        EXPECT_EQ(text ? text : "NULL", expected) << name;
        g_free(text);
        g_value_unset(&value);
    }
}

/// Collects what is warned of in the program.
class Warnings {
public:
    Warnings() : before_(g_log_set_default_handler(note, this)) {}
    Warnings(const Warnings&) = delete;
    Warnings& operator=(const Warnings&) = delete;
    ~Warnings() { g_log_set_default_handler(before_, nullptr); }

    const std::string& text() const { return text_; }

private:
    static void note(const gchar*, GLogLevelFlags, const gchar* message, gpointer data) {
        static_cast<Warnings*>(data)->text_ += std::string(message) + "\n";
    }

    GLogFunc before_;
    std::string text_;
};

class Settings : public GstTest, public testing::WithParamInterface<const char*> {
protected:
    Settings()
        : pipeline(std::string(GetParam()) == "cuframessink"
                       ? "videotestsrc is-live=true ! " + raw_caps("NV12", 64, 48) + " ! cuframessink name=it key=k"
                       : "cuframessrc name=it key=k ! fakesink"),
          element(pipeline.element("it")) {
        guint count = 0;
        GParamSpec** all = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
        std::copy_if(all, all + count, std::back_inserter(settings), [this](const GParamSpec* property) {
            return property->owner_type == G_OBJECT_TYPE(element) && property->flags & G_PARAM_WRITABLE;
        });
        g_free(all);
    }

    void reach(GstState state) {
        pipeline.set_state(state);
        ASSERT_TRUE(eventually([&] { return GST_STATE(element) == state; }));
    }

    /// Writes another value than there is and puts back what was; returns whether the other one was there meanwhile.
    bool takes_another_value(GParamSpec* property) {
        GValue before = G_VALUE_INIT, other = G_VALUE_INIT, after = G_VALUE_INIT;
        g_object_get_property(G_OBJECT(element), property->name, &before);
        g_value_init(&other, property->value_type);
        if (G_IS_PARAM_SPEC_STRING(property)) {
            g_value_set_static_string(&other, "another");
        } else {
            gst_value_deserialize(&other, G_IS_PARAM_SPEC_ENUM(property)     ? "1"
                                          : G_IS_PARAM_SPEC_UINT64(property) ? "1000000"
                                                                             : "5");
        }
        g_object_set_property(G_OBJECT(element), property->name, &other);
        g_object_get_property(G_OBJECT(element), property->name, &after);
        const bool taken = g_param_values_cmp(property, &after, &other) == 0;
        EXPECT_EQ(g_param_values_cmp(property, &after, &before) != 0, taken) << property->name;
        if (taken) {
            g_object_set_property(G_OBJECT(element), property->name, &before);
        }
        for (GValue* value : {&before, &other, &after}) {
            g_value_unset(value);
        }
        return taken;
    }

    Pipeline pipeline;
    GstElement* element;
    std::vector<GParamSpec*> settings;
};

TEST_P(Settings, KeepTheirValueWithAWarningWhileTheElementRuns) {
    for (const GstState state : {GST_STATE_PLAYING, GST_STATE_PAUSED}) {
        reach(state);
        for (GParamSpec* property : settings) {
            const Warnings warnings;
            EXPECT_FALSE(takes_another_value(property)) << property->name;
            for (const char* word : {property->name, gst_element_state_get_name(state)}) {
                EXPECT_NE(warnings.text().find(word), std::string::npos) << word << " in: " << warnings.text();
            }
        }
    }
}

TEST_P(Settings, CanChangeBeforeAndAfterItRuns) {
    for (const GstState state : {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_READY}) {
        reach(state);
        if (state == GST_STATE_PLAYING) {
            continue;
        }
        const Warnings warnings;
        for (GParamSpec* property : settings) {
            EXPECT_TRUE(takes_another_value(property)) << property->name;
        }
        EXPECT_EQ(warnings.text(), "");
    }
}

INSTANTIATE_TEST_SUITE_P(Elements, Settings, testing::Values("cuframessink", "cuframessrc"),
                         [](const auto& element) { return std::string(element.param); });

INSTANTIATE_TEST_SUITE_P(Elements, Inspect, testing::Values("cuframessink", "cuframessrc"),
                         [](const auto& element) { return std::string(element.param); });

} // namespace
} // namespace cuframes::test
