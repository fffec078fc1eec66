// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for the verbs that need GStreamer.
// The distribution's headers alone: one of ours, whose time differs in another checkout, would be taken for another file.
#pragma once

#include <fmt/format.h>
#include <gst/app/app.h>
#include <gst/gst.h>
