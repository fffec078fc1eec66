// SPDX-License-Identifier: LGPL-2.1-or-later
/// The verbs that tell facts: each in a file of its own. What they return is what to exit with.
#pragma once

#include "options/verbs.h"

namespace cuframes::tools {

int run(const LsOptions& options);
int run(const InfoOptions& options);
int run(const TopOptions& options);
int run(const HzOptions& options);
int run(const ExportOptions& options);
int run(const DoctorOptions& options);
int run(const CompletionOptions& options);

} // namespace cuframes::tools
