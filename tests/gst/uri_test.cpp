// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a URI sets an element as its properties would, or nothing at all; whatever plays URIs takes a key.
#include "fixture.h"

#include <memory>
#include <string>

namespace cuframes::test {
namespace {

struct ElementDeleter {
    void operator()(GstElement* element) const { gst_object_unref(element); }
};
using Element = std::unique_ptr<GstElement, ElementDeleter>;

Element make(const std::string& uri, GstURIType type, std::string* why = nullptr) {
    GError* error = nullptr;
    GstElement* made = gst_element_make_from_uri(type, uri.c_str(), nullptr, &error);
    if (error && why) {
        *why = error->message;
    }
    g_clear_error(&error);
    return Element(made ? GST_ELEMENT(gst_object_ref_sink(made)) : nullptr);
}

std::string uri_of(const Element& element) {
    gchar* text = gst_uri_handler_get_uri(GST_URI_HANDLER(element.get()));
    std::string result = text ? text : "";
    g_free(text);
    return result;
}

TEST(Uri, SetsASource) {
    const Element made = make("cuframes://Cam-gate.2?mode=strict&max-held=3&on-gone=eos", GST_URI_SRC);
    ASSERT_NE(made, nullptr);
    gchar* key = nullptr;
    guint held = 0;
    g_object_get(made.get(), "key", &key, "max-held", &held, nullptr);
    EXPECT_STREQ(key, "Cam-gate.2");
    EXPECT_EQ(held, 3U);
    g_free(key);
    const Element again = make(uri_of(made), GST_URI_SRC);
    ASSERT_NE(again, nullptr) << uri_of(made);
    EXPECT_EQ(uri_of(again), uri_of(made));
    EXPECT_NE(uri_of(made).find("mode=strict"), std::string::npos) << uri_of(made);
}

TEST(Uri, SetsASinkWithWhatItsBaseClassHas) {
    const Element made = make("cuframes://cam?slots=12&policy=wait&sync=false", GST_URI_SINK);
    ASSERT_NE(made, nullptr);
    guint slots = 0;
    gboolean sync = TRUE;
    g_object_get(made.get(), "slots", &slots, "sync", &sync, nullptr);
    EXPECT_EQ(slots, 12U);
    EXPECT_FALSE(sync);
    EXPECT_EQ(uri_of(make("cuframes://cam", GST_URI_SINK)), "cuframes://cam");
}

TEST(Uri, DirectoriesWithSpacesComeBack) {
    const Element made = make("cuframes://cam?directory=/tmp/a%20b%26c", GST_URI_SRC);
    ASSERT_NE(made, nullptr);
    gchar* directory = nullptr;
    g_object_get(made.get(), "directory", &directory, nullptr);
    EXPECT_STREQ(directory, "/tmp/a b&c");
    g_free(directory);
    EXPECT_EQ(uri_of(make(uri_of(made), GST_URI_SRC)), uri_of(made));
}

class BadUri : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadUri, IsRefusedWithTheReasonAndSetsNothing) {
    const auto& [uri, expected] = GetParam();
    const Element element(GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("cuframessrc", nullptr))));
    g_object_set(element.get(), "key", "before", "max-held", 5, nullptr);
    const std::string before = uri_of(element);
    GError* error = nullptr;
    EXPECT_FALSE(gst_uri_handler_set_uri(GST_URI_HANDLER(element.get()), uri, &error));
    ASSERT_NE(error, nullptr);
    EXPECT_NE(std::string(error->message).find(expected), std::string::npos) << error->message;
    g_clear_error(&error);
    EXPECT_EQ(uri_of(element), before);
}

INSTANTIATE_TEST_SUITE_P(, BadUri,
                         testing::Values(std::pair("cuframes://", "cuframes://KEY"),
                                         std::pair("cuframes://cam/more", "cuframes://KEY"),
                                         std::pair("cuframes://cam:80", "cuframes://KEY"),
                                         std::pair("cuframes://me@cam", "cuframes://KEY"),
                                         std::pair("cuframes://cam?max-held=1&max-holt=3", "no setting 'max-holt'"),
                                         std::pair("cuframes://cam?max-held=65", "'65' is no value of max-held"),
                                         std::pair("cuframes://cam?max-held=many", "'many' is no value of max-held"),
                                         std::pair("cuframes://cam?max-held", "'' is no value of max-held"),
                                         std::pair("cuframes://cam?mode=oldest", "'oldest' is no value of mode"),
                                         std::pair("cuframes://cam?stats=1", "no setting 'stats'"),
                                         std::pair("cuframes://cam?name=x", "no setting 'name'"),
                                         std::pair("cuframes://cam?key=x", "no setting 'key'")));

class UriPlayer : public GstTest {};

TEST_F(UriPlayer, IsRefusedWhileItPlays) {
    Pipeline reader("cuframessrc name=src key=cam ! fakesink");
    reader.play();
    GError* error = nullptr;
    EXPECT_FALSE(gst_uri_handler_set_uri(GST_URI_HANDLER(reader.element("src")), "cuframes://other", &error));
    EXPECT_TRUE(g_error_matches(error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE));
    g_clear_error(&error);
}

class UriPlayers : public UriPlayer, public testing::WithParamInterface<const char*> {};

TEST_P(UriPlayers, PlayAKey) {
    Pipeline publisher("videotestsrc num-buffers=20 ! " + raw_caps("I420", 64, 48) + " ! " + lossless_sink("cam"));
    Pipeline reader(GetParam());
    publisher.play();
    reader.play();
    EXPECT_EQ(reader.run_to_end(), "");
}

INSTANTIATE_TEST_SUITE_P(, UriPlayers,
                         testing::Values("playbin uri=cuframes://cam?mode=strict video-sink=fakesink",
                                         "playbin3 uri=cuframes://cam?mode=strict video-sink=fakesink",
                                         "uridecodebin uri=cuframes://cam?mode=strict ! videoconvert ! fakesink",
                                         "uridecodebin3 uri=cuframes://cam?mode=strict ! videoconvert ! fakesink",
                                         "urisourcebin uri=cuframes://cam?mode=strict ! videoconvert ! fakesink"));

} // namespace
} // namespace cuframes::test
