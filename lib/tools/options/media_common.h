// SPDX-License-Identifier: LGPL-2.1-or-later
/// Options that several of the verbs have that need GStreamer.
#pragma once

#include "options/common.h"

#include <string>

namespace cuframes::tools {

/// `-q,--quiet`
void declare_quiet(CLI::App& verb, bool& quiet);

/// `FILE`, required, with an ending of which there is a muxer; and `--force`.
void declare_recording(CLI::App& verb, std::string& file, bool& force);

/// `--audio KEY`
void declare_audio(CLI::App& verb, std::string& key);

} // namespace cuframes::tools
