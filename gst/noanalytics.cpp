// SPDX-License-Identifier: LGPL-2.1-or-later
// In place of analyticsform.cpp where GStreamer's analytics library was not there at build time.
#include "metaforms.h"

namespace cuframes::gst {

const MetaForm* analytics_form() { return nullptr; }

} // namespace cuframes::gst
