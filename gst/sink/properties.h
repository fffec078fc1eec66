// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::gst {

void install_sink_properties(GObjectClass* klass);

} // namespace cuframes::gst
