// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/settings.h"

#include <gst/gst.h>

#include <string>
#include <type_traits>

namespace cuframes::gst {

/// How GObject reads and writes one property. Both are called with the object lock held for a setting, and without it for
/// what is read only.
struct PropertyAccess {
    void (*get)(GObject* object, GValue* value);
    void (*set)(GObject* object, const GValue* value); ///< NULL: read only.
};

/// Flags of the two kinds of property there are.
inline constexpr auto setting =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
inline constexpr auto reading = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
/// A setting whose default is another on every host, which the documentation leaves out.
inline constexpr auto environment_dependent = static_cast<GParamFlags>(setting | GST_PARAM_DOC_SHOW_DEFAULT);

/// Whole numbers and enums, whatever their GType.
gint64 number_in(const GValue* value);
void put_number(GValue* value, gint64 number);
/// An empty text is NULL outside.
std::string text_in(const GValue* value);
void put_text(GValue* value, const std::string& text);

/// Installs properties whose access goes by what was given with each.
class PropertyInstaller {
public:
    explicit PropertyInstaller(GObjectClass* klass);
    void install(GParamSpec* spec, PropertyAccess access);

private:
    GObjectClass* class_;
    guint last_id_ = 0;
};

/// The properties of one element, each a row: its GParamSpec, and the member of the element's settings that it sets.
/// Reading and writing it, and a URI's `?name=value`, follow from that, and so does its default where the row takes it from
/// settings that nobody has changed.
///
/// `Element` has a member `state`, whose settings() are ElementSettings.
template <typename Element>
class PropertyTable {
public:
    using State = std::remove_pointer_t<decltype(Element::state)>;

    explicit PropertyTable(GObjectClass* klass) : installer_(klass) {}

    /// A setting.
    template <auto member>
    void add(GParamSpec* spec) {
        installer_.install(spec, {get<member>, set<member>});
    }

    /// What can only be read.
    template <void (*read)(const State& state, GValue* value)>
    void add_reading(GParamSpec* spec) {
        installer_.install(spec, {[](GObject* object, GValue* value) { read(state_of(object), value); }, nullptr});
    }

private:
    static State& state_of(GObject* object) { return *reinterpret_cast<Element*>(object)->state; }

    template <auto member>
    static void get(GObject* object, GValue* value) {
        const auto& from = state_of(object).settings().under_lock().*member;
        if constexpr (std::is_same_v<decltype(from), const std::string&>) {
            put_text(value, from);
        } else {
            put_number(value, static_cast<gint64>(from));
        }
    }

    template <auto member>
    static void set(GObject* object, const GValue* value) {
        auto& to = state_of(object).settings().under_lock().*member;
        if constexpr (std::is_same_v<decltype(to), std::string&>) {
            to = text_in(value);
        } else {
            to = static_cast<std::remove_reference_t<decltype(to)>>(number_in(value));
        }
    }

    PropertyInstaller installer_;
};

} // namespace cuframes::gst
