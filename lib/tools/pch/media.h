// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for the verbs that need GStreamer.
#pragma once

#include <cuframes/cuframes.hpp>
#include <fmt/format.h>
#include <gst/app/app.h>
#include <gst/gst.h>
