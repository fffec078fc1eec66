// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/settings.h"

#include "shared/settings.h"

namespace cuframes::gst {
namespace {

cuframes_publisher_options defaults() {
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.max_slots = CUFRAMES_DEFAULT_MAX_SLOTS;
    options.wait_timeout_ms = CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS;
    options.max_subscribers = CUFRAMES_DEFAULT_MAX_SUBSCRIBERS;
    options.max_bytes = CUFRAMES_DEFAULT_MAX_BYTES;
    return options;
}

} // namespace

SinkSettings::SinkSettings() : cuframes_publisher_options(defaults()) {}

cuframes_publisher_options SinkSettings::options() const {
    auto options = static_cast<const cuframes_publisher_options&>(*this);
    options.key = key.c_str();
    options.directory = or_null(directory);
    options.access = or_null(access);
    options.content = CUFRAMES_CONTENT_UNDECIDED; // until there are caps
    options.max_time = max_time_ms * GST_MSECOND;
    return options;
}

} // namespace cuframes::gst
