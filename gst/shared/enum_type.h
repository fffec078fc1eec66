// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::gst {

/// The name and the values of an enum as applications see them; specialized beside the enum, which needs no more:
///
///     template <>
///     struct EnumWords<Mode> {
///         static constexpr const char* name = "GstCuframesMode";
///         static constexpr GEnumValue values[] = {{MODE_NEWEST, "Skip to the newest frame", "newest"}, …, {}};
///     };
template <typename Enum>
struct EnumWords;

/// Registers it as a part of this plugin, which is how documentation and caches of plugins know it.
GType register_enum(const char* name, const GEnumValue* values);

template <typename Enum>
GType enum_type() {
    static const GType type = register_enum(EnumWords<Enum>::name, EnumWords<Enum>::values);
    return type;
}

} // namespace cuframes::gst
