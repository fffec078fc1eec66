// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::gst {

/// What can be in a ring: frames and single fields in every format, in host memory and, where this build knows it, on the
/// GPU. `usual_first`: an element that can make anything picks the first format, so that is to be one of decoders.
GstCaps* template_caps(bool usual_first);

} // namespace cuframes::gst
