// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/settings.h"

#include <algorithm>

namespace cuframes::gst {

bool may_change_settings(GstElement* element) {
    // On the way up to PAUSED the current state is still READY.
    return std::max(GST_STATE(element), GST_STATE_NEXT(element)) <= GST_STATE_READY;
}

void warn_of_kept_setting(GstElement* element, const GParamSpec* spec) {
    g_warning("%s: %s cannot be changed in state %s and keeps its value; set the element to READY first",
              GST_OBJECT_NAME(element), spec->name, gst_element_state_get_name(GST_STATE(element)));
}

} // namespace cuframes::gst
