// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <gst/gst.h>

#include <vector>

namespace cuframes::gst {

/// Who is attached.
std::vector<cuframes_subscriber_info> list_subscribers(cuframes_publisher* publisher);

/// The `stats` of cuframessink; `publisher` may be NULL before the first start.
GstStructure* publisher_stats(cuframes_publisher* publisher, guint64 metas_not_serialized);

/// The `stats` of cuframessrc; `subscriber` may be NULL before the first start. `copied`: frames that were copied out of
/// the ring here; `early`: that were captured before the pipeline ran, and left out; `metas_skipped`: metas that could
/// not be read here.
GstStructure* subscriber_stats(cuframes_subscriber* subscriber, guint64 copied, guint64 early, guint64 metas_skipped);

} // namespace cuframes::gst
