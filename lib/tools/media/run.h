// SPDX-License-Identifier: LGPL-2.1-or-later
/// The verbs that need GStreamer: each in a file of its own. What they return is what to exit with; what they throw is a
/// Failure.
#pragma once

#include "options/verbs.h"

namespace cuframes::tools {

int run(const SnapOptions& options);
int run(const PlayOptions& options);
int run(const RecordOptions& options);
int run(const ClipOptions& options);
int run(const CatOptions& options);
int run(const PublishOptions& options);
int run(const ServeOptions& options);

} // namespace cuframes::tools
