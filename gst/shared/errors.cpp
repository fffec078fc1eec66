// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/errors.h"

#include <cuframes/cuframes.h>

namespace cuframes::gst {
namespace {

struct Code {
    GQuark domain;
    gint code;
};

/// Applications sort errors by GStreamer's codes: settings that a user must change, resources that are missing or
/// taken, and the rest.
Code code_of(int error) {
    switch (error) {
    case CUFRAMES_ERROR_INVALID_ARGUMENT:
    case CUFRAMES_ERROR_INVALID_KEY:
    case CUFRAMES_ERROR_PATH_TOO_LONG:
    case CUFRAMES_ERROR_RING_FULL:
    case CUFRAMES_ERROR_UNKNOWN_DEVICE:
    case CUFRAMES_ERROR_DEVICE_MISMATCH:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS};
    case CUFRAMES_ERROR_DIRECTORY:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE};
    case CUFRAMES_ERROR_KEY_IN_USE:
    case CUFRAMES_ERROR_TOO_MANY_SUBSCRIBERS:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY};
    case CUFRAMES_ERROR_ACCESS_DENIED:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED};
    case CUFRAMES_ERROR_TIMEOUT:
    case CUFRAMES_ERROR_PUBLISHER_GONE:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND};
    case CUFRAMES_ERROR_OTHER_CONTENT:
        return {GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE};
    case CUFRAMES_ERROR_NO_DRIVER:
    case CUFRAMES_ERROR_NO_GPU_SHARING:
        return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT};
    case CUFRAMES_ERROR_NO_MEMORY:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT};
    default:
        return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED};
    }
}

void post(GstElement* element, int error, const std::string& text, const char* doing) {
    const Code code = code_of(error);
    GstStructure* details =
        gst_structure_new("details", "cuframes-error", G_TYPE_STRING, cuframes_error_name(error), nullptr);
    gst_element_message_full_with_details(element, GST_MESSAGE_ERROR, code.domain, code.code, g_strdup(text.c_str()),
                                          g_strdup_printf("%s: %s", doing, cuframes_error_string(error)), __FILE__,
                                          __func__, __LINE__, details);
}

} // namespace

void post_library_error(GstElement* element, int error, const char* doing) {
    post(element, error, cuframes_last_error_message(), doing);
}

void post_error(GstElement* element, int error, const std::string& text, const char* doing) {
    post(element, error, text, doing);
}

} // namespace cuframes::gst
