// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace cuframes::gst {

/// What both elements answer to a URI `cuframes://KEY?PROPERTY=VALUE&…`, so that whatever plays URIs takes a key. The
/// properties are the element's own and those of its base class, with values as gst-launch-1.0 takes them.
///
/// For G_IMPLEMENT_INTERFACE(GST_TYPE_URI_HANDLER, …).
void init_source_uri_handler(gpointer interface, gpointer data);
void init_sink_uri_handler(gpointer interface, gpointer data);

} // namespace cuframes::gst
