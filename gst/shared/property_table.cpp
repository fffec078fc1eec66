// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/property_table.h"

namespace cuframes::gst {
namespace {

GQuark access_quark() {
    static const GQuark quark = g_quark_from_static_string("cuframes-property-access");
    return quark;
}

const PropertyAccess& access_of(GParamSpec* spec) {
    return *static_cast<PropertyAccess*>(g_param_spec_get_qdata(spec, access_quark()));
}

void set_property(GObject* object, guint, const GValue* value, GParamSpec* spec) {
    GST_OBJECT_LOCK(object);
    const bool may = may_change_settings(GST_ELEMENT_CAST(object));
    if (may) {
        access_of(spec).set(object, value);
    }
    GST_OBJECT_UNLOCK(object);
    if (!may) {
        warn_of_kept_setting(GST_ELEMENT_CAST(object), spec);
    }
}

void get_property(GObject* object, guint, GValue* value, GParamSpec* spec) {
    if (!(spec->flags & G_PARAM_WRITABLE)) {
        access_of(spec).get(object, value);
        return;
    }
    GST_OBJECT_LOCK(object);
    access_of(spec).get(object, value);
    GST_OBJECT_UNLOCK(object);
}

} // namespace

gint64 number_in(const GValue* value) {
    if (G_VALUE_HOLDS_ENUM(value)) {
        return g_value_get_enum(value);
    }
    if (G_VALUE_HOLDS_UINT64(value)) {
        return static_cast<gint64>(g_value_get_uint64(value));
    }
    return G_VALUE_HOLDS_INT(value) ? g_value_get_int(value) : static_cast<gint64>(g_value_get_uint(value));
}

void put_number(GValue* value, gint64 number) {
    if (G_VALUE_HOLDS_ENUM(value)) {
        g_value_set_enum(value, static_cast<gint>(number));
    } else if (G_VALUE_HOLDS_UINT64(value)) {
        g_value_set_uint64(value, static_cast<guint64>(number));
    } else if (G_VALUE_HOLDS_INT(value)) {
        g_value_set_int(value, static_cast<gint>(number));
    } else {
        g_value_set_uint(value, static_cast<guint>(number));
    }
}

std::string text_in(const GValue* value) {
    const gchar* text = g_value_get_string(value);
    return text ? text : "";
}

void put_text(GValue* value, const std::string& text) {
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

PropertyInstaller::PropertyInstaller(GObjectClass* klass) : class_(klass) {
    klass->set_property = set_property;
    klass->get_property = get_property;
}

void PropertyInstaller::install(GParamSpec* spec, PropertyAccess access) {
    g_param_spec_set_qdata_full(spec, access_quark(), new PropertyAccess(access),
                                [](gpointer data) { delete static_cast<PropertyAccess*>(data); });
    g_object_class_install_property(class_, ++last_id_, spec);
}

} // namespace cuframes::gst
