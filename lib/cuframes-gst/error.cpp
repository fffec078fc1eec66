// SPDX-License-Identifier: LGPL-2.1-or-later
#include "error.h"

// By hand: the macro makes the name of tokens, between which a formatter puts spaces.
GQuark cuframes_gst_error_quark(void) { return g_quark_from_static_string("cuframes-gst-error-quark"); }

namespace cuframes::gst {
namespace {

CuframesGstError code_of(cuframes_error code) {
    switch (code) {
    case CUFRAMES_ERROR_NO_DRIVER:
    case CUFRAMES_ERROR_UNKNOWN_DEVICE:
        return CUFRAMES_GST_ERROR_NO_DEVICE;
    case CUFRAMES_ERROR_INVALID_ARGUMENT:
        return CUFRAMES_GST_ERROR_VALUE;
    default:
        return CUFRAMES_GST_ERROR_FAILED;
    }
}

} // namespace

void set_error(GError** error, CuframesGstError code, const std::string& message) {
    g_set_error_literal(error, CUFRAMES_GST_ERROR, code, message.c_str());
}

void set_error(GError** error, const Error& why) { set_error(error, code_of(why.code), why.message); }

} // namespace cuframes::gst
