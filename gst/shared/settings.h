// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::gst {

/// Settings are read when an element starts: one that were written later would be told, but not be true. The caller holds
/// the object lock.
bool may_change_settings(GstElement* element);
/// Says that it was not. The caller does not hold the object lock.
void warn_of_kept_setting(GstElement* element, const GParamSpec* spec);

} // namespace cuframes::gst
