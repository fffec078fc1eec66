// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.hpp>

#include <string>

namespace cuframes::tools {

/// A reader that looks at what comes and keeps none of it: no ring is to grow for it, and no packet is waited for that the
/// past has. The strings must outlive the options.
cuframes_subscriber_options watcher_options(const std::string& key, const std::string& directory, const char* name,
                                            cuframes_content content);

} // namespace cuframes::tools
