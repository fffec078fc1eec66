// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace cuframes::gst {

/// The settings of one element: written by its properties, and read as a copy, as both happen in any thread.
template <typename Settings>
class ElementSettings {
public:
    explicit ElementSettings(GstElement* element) : element_(element) {}

    Settings copy() const {
        GST_OBJECT_LOCK(element_);
        Settings settings = settings_;
        GST_OBJECT_UNLOCK(element_);
        return settings;
    }

    /// For the caller that holds the object lock.
    Settings& under_lock() { return settings_; }

private:
    GstElement* element_;
    Settings settings_;
};

/// A text for the library, where what is not set is NULL.
inline const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

/// Settings are read when an element starts: one that were written later would be told, but not be true. The caller holds
/// the object lock.
bool may_change_settings(GstElement* element);
/// Says that it was not. The caller does not hold the object lock.
void warn_of_kept_setting(GstElement* element, const GParamSpec* spec);

} // namespace cuframes::gst
