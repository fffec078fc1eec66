// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes record`: a file from now on.
#include "media/recording.h"
#include "media/run.h"
#include "media/with_past.h"
#include "shared/say.h"

#include <limits>

namespace cuframes::tools {

int run(const RecordOptions& options) {
    Loop loop;
    RecordingPlan plan{.verb = "record", .rings = {}, .file = options.file};
    plan.overwrite = options.force;
    plan.quiet = options.quiet;
    if (options.duration > 0) {
        plan.length = Seconds(options.duration);
    }
    if (options.preroll > 0) {
        plan.before = Seconds(options.preroll);
    }
    const Seconds limit(options.timeout > 0 ? options.timeout : std::numeric_limits<double>::infinity());
    for (const std::string& key : {options.key, options.audio}) {
        if (!key.empty()) {
            plan.rings.push_back(wait_for_ring(loop, key, options.directory, limit, options.quiet));
        }
    }
    if (plan.before) {
        check_past(plan.rings.front());
    }
    record(loop, plan);
    return exit_done;
}

} // namespace cuframes::tools
