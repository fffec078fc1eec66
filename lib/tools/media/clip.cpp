// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes clip`: a file that begins before now.
#include "media/recording.h"
#include "media/run.h"
#include "media/with_past.h"
#include "shared/say.h"

namespace cuframes::tools {

int run(const ClipOptions& options) {
    Loop loop;
    RecordingPlan plan{.verb = "clip", .rings = {}, .file = options.file};
    plan.overwrite = options.force;
    plan.quiet = options.quiet;
    plan.before = Seconds(options.before);
    plan.after = Seconds(options.after);
    for (const std::string& key : {options.key, options.audio}) {
        if (!key.empty()) {
            plan.rings.push_back(wait_for_ring(loop, key, options.directory, Seconds(options.timeout)));
            check_past(plan.rings.back());
        }
    }
    record(loop, plan);
    return exit_done;
}

} // namespace cuframes::tools
