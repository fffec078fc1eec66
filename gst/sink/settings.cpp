// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/settings.h"

#include "shared/settings.h"

namespace cuframes::gst {
namespace {

cuframes_publisher_options defaults() {
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.max_slots = 128;
    options.wait_timeout_ms = 1000;
    options.max_subscribers = 64;
    return options;
}

} // namespace

SinkSettings::SinkSettings() : cuframes_publisher_options(defaults()) {}

cuframes_publisher_options SinkSettings::options() const {
    auto options = static_cast<const cuframes_publisher_options&>(*this);
    options.key = key.c_str();
    options.directory = or_null(directory);
    options.access = or_null(access);
    return options;
}

} // namespace cuframes::gst
