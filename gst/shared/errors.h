// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace cuframes::gst {

/// Posts an element error for a failed call of the library, in the calling thread, right after the call: the text is
/// cuframes_last_error_message(), which names key, path, pid, cause and what to do. The message's details carry the
/// error's name as `cuframes-error`, so that programs need not parse sentences.
void post_library_error(GstElement* element, int error, const char* doing);

/// Posts an element error of our own finding, in the words of `text`; `error` is the cuframes_error it resembles.
void post_error(GstElement* element, int error, const std::string& text, const char* doing);

} // namespace cuframes::gst
