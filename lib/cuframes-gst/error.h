// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/result.h"

#include <cuframes-gst/cuframes-gst.h>

#include <exception>
#include <string>

namespace cuframes::gst {

using core::Error;
using core::Result;
using core::text;

void set_error(GError** error, CuframesGstError code, const std::string& message);

/// What the driver or the allocator had to say.
void set_error(GError** error, const Error& why);

/// Runs the body of a C function: nothing that is thrown inside leaves the library.
template <class Body>
auto guarded(GError** error, Body&& body) noexcept -> decltype(body()) {
    try {
        return body();
    } catch (const std::exception& e) {
        set_error(error, CUFRAMES_GST_ERROR_FAILED, e.what());
        return {};
    }
}

} // namespace cuframes::gst
