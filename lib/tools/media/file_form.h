// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/pipeline.h"
#include "media/ring.h"

#include <string>

namespace cuframes::tools {

/// The muxer that a file's name asks for, in the pipeline: so set that what was written plays also when nobody finishes it.
GstElement* add_muxer(Pipeline& pipeline, const std::string& file);

/// Links a ring's source to the muxer: packets as they are, frames and what the file cannot hold encoded.
void link_to_muxer(Pipeline& pipeline, GstElement* source, const Ring& ring, GstElement* muxer,
                   const std::string& file);

} // namespace cuframes::tools
