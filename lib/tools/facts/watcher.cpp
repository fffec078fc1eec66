// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/watcher.h"

#include "options/verbs.h"

namespace cuframes::tools {

cuframes_subscriber_options watcher_options(const std::string& key, const std::string& directory, const char* name,
                                            cuframes_content content) {
    auto out = subscriber_options(key.c_str());
    out.directory = or_usual(directory);
    out.name = name;
    out.content = content;
    if (content == CUFRAMES_CONTENT_PACKETS) {
        out.start = CUFRAMES_START_KEYFRAME;
    } else {
        out.max_held = 1;
    }
    return out;
}

} // namespace cuframes::tools
