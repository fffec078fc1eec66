// SPDX-License-Identifier: LGPL-2.1-or-later
// In place of analytics_form.cpp where GStreamer's analytics library was not there at build time.
#include "shared/meta_forms.h"

namespace cuframes::gst {

const MetaForm* analytics_form() { return nullptr; }

} // namespace cuframes::gst
