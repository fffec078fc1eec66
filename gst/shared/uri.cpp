// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/uri.h"

#include "shared/settings.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cuframes::gst {
namespace {

constexpr const char* scheme = "cuframes";

template <auto release>
struct Releaser {
    template <typename Type>
    void operator()(Type* value) const {
        release(value);
    }
};
using UriRef = std::unique_ptr<GstUri, Releaser<gst_uri_unref>>;
using Text = std::unique_ptr<char, Releaser<g_free>>;

class Value {
public:
    Value() = default;
    Value(Value&& other) noexcept : value_(other.value_) { other.value_ = G_VALUE_INIT; }
    Value(const Value&) = delete;
    Value& operator=(const Value&) = delete;
    Value& operator=(Value&&) = delete;
    ~Value() {
        if (G_IS_VALUE(&value_)) {
            g_value_unset(&value_);
        }
    }

    GValue* get() { return &value_; }

private:
    GValue value_ = G_VALUE_INIT;
};

struct Setting {
    GParamSpec* spec;
    Value value;
};

bool may_be_in_uri(const GParamSpec* spec) {
    // An element's name and parent are its bin's business, and the key has a place of its own.
    return spec && (spec->flags & G_PARAM_READWRITE) == G_PARAM_READWRITE &&
           g_type_is_a(spec->owner_type, GST_TYPE_ELEMENT) && std::string_view(spec->name) != "key";
}

bool fail(GError** error, GstURIError code, const std::string& text) {
    g_set_error_literal(error, GST_URI_ERROR, code, text.c_str());
    return false;
}

/// One `PROPERTY=VALUE`. Values out of a property's range are refused: GObject would change them without a word.
bool parse_setting(GObject* element, const char* name, const char* text, std::vector<Setting>& settings,
                   GError** error) {
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name);
    if (!may_be_in_uri(spec)) {
        return fail(error, GST_URI_ERROR_UNSUPPORTED_PROTOCOL,
                    std::string(G_OBJECT_TYPE_NAME(element)) + " has no setting '" + name +
                        "'; gst-inspect-1.0 lists those it has");
    }
    Setting setting{spec, {}};
    g_value_init(setting.value.get(), spec->value_type);
    if (!text || !gst_value_deserialize_with_pspec(setting.value.get(), text, spec) ||
        g_param_value_validate(spec, setting.value.get())) {
        return fail(error, GST_URI_ERROR_BAD_REFERENCE,
                    std::string("'") + (text ? text : "") + "' is no value of " + name + ", or out of its range");
    }
    settings.push_back(std::move(setting));
    return true;
}

bool parse_settings(GObject* element, const GstUri* uri, std::vector<Setting>& settings, GError** error) {
    GList* names = gst_uri_get_query_keys(uri);
    bool good = true;
    for (GList* at = names; at && good; at = at->next) {
        const auto* name = static_cast<const char*>(at->data);
        good = parse_setting(element, name, gst_uri_get_query_value(uri, name), settings, error);
    }
    g_list_free(names);
    return good;
}

bool names_a_key(const GstUri* uri) {
    const Text path(gst_uri_get_path(uri));
    return gst_uri_get_host(uri) && *gst_uri_get_host(uri) && !gst_uri_get_userinfo(uri) &&
           gst_uri_get_port(uri) == GST_URI_NO_PORT && (!path || !*path || std::string_view(path.get()) == "/") &&
           !gst_uri_get_fragment(uri);
}

/// All of a URI is taken, or nothing.
gboolean set_uri(GstURIHandler* handler, const gchar* text, GError** error) {
    GST_OBJECT_LOCK(handler);
    const bool may = may_change_settings(GST_ELEMENT(handler));
    GST_OBJECT_UNLOCK(handler);
    if (!may) {
        return fail(error, GST_URI_ERROR_BAD_STATE, "the URI cannot be changed before the element is set to READY");
    }
    const UriRef uri(gst_uri_from_string(text));
    if (!uri || !names_a_key(uri.get())) {
        return fail(error, GST_URI_ERROR_BAD_URI,
                    std::string("'") + text + "' is not cuframes://KEY or cuframes://KEY?PROPERTY=VALUE&…");
    }
    std::vector<Setting> settings;
    if (!parse_settings(G_OBJECT(handler), uri.get(), settings, error)) {
        return FALSE;
    }
    g_object_set(handler, "key", gst_uri_get_host(uri.get()), nullptr);
    for (Setting& setting : settings) {
        g_object_set_property(G_OBJECT(handler), setting.spec->name, setting.value.get());
    }
    return TRUE;
}

void add_if_set(GObject* element, GParamSpec* spec, std::string& uri) {
    Value value;
    g_value_init(value.get(), spec->value_type);
    g_object_get_property(element, spec->name, value.get());
    if (g_param_value_defaults(spec, value.get())) {
        return;
    }
    // Serialized, a string has quotes around it.
    const Text text(G_VALUE_HOLDS_STRING(value.get()) ? g_value_dup_string(value.get())
                                                      : gst_value_serialize(value.get()));
    // Not gst_uri_to_string(): it writes a space as '+', which reading does not take back.
    const Text escaped(text ? g_uri_escape_string(text.get(), "/", FALSE) : nullptr);
    if (escaped) {
        uri += (uri.find('?') == std::string::npos ? "?" : "&") + std::string(spec->name) + "=" + escaped.get();
    }
}

/// The key and what is set to other than its default, of the element's own properties. NULL: it has no key yet.
gchar* get_uri(GstURIHandler* handler) {
    gchar* key = nullptr;
    g_object_get(handler, "key", &key, nullptr);
    const Text owned(key);
    if (!key) {
        return nullptr;
    }
    std::string uri = std::string(scheme) + "://" + key;
    guint count = 0;
    GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(handler), &count);
    for (guint at = 0; at < count; at++) {
        if (may_be_in_uri(specs[at]) && specs[at]->owner_type == G_OBJECT_TYPE(handler)) {
            add_if_set(G_OBJECT(handler), specs[at], uri);
        }
    }
    g_free(static_cast<void*>(specs));
    return g_strdup(uri.c_str());
}

const gchar* const* protocols_of(GType) {
    static const gchar* const protocols[] = {scheme, nullptr};
    return protocols;
}

void init(gpointer interface, GstURIType (*type)(GType)) {
    auto* handler = static_cast<GstURIHandlerInterface*>(interface);
    handler->get_type = type;
    handler->get_protocols = protocols_of;
    handler->get_uri = get_uri;
    handler->set_uri = set_uri;
}

} // namespace

void init_source_uri_handler(gpointer interface, gpointer) {
    init(interface, [](GType) { return GST_URI_SRC; });
}

void init_sink_uri_handler(gpointer interface, gpointer) {
    init(interface, [](GType) { return GST_URI_SINK; });
}

} // namespace cuframes::gst
