// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace cuframes::test {

/// SHA-1 over the visible pixels of every plane, row after row, whatever lies around them.
std::string digest(GstSample* sample);

} // namespace cuframes::test
