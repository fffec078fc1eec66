// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/settings.h"

#include "shared/settings.h"

namespace cuframes::gst {
namespace {

cuframes_subscriber_options defaults() {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.min_held = 1; // What is beyond is copied.
    return options;
}

} // namespace

SrcSettings::SrcSettings() : cuframes_subscriber_options(defaults()) {}

cuframes_subscriber_options SrcSettings::frame_options() const {
    auto options = static_cast<const cuframes_subscriber_options&>(*this);
    options.key = key.c_str();
    options.directory = or_null(directory);
    options.name = or_null(name_tag);
    options.copies = on_exhausted == GST_CUFRAMES_ON_EXHAUSTED_COPY;
    options.end_when_gone = on_gone != GST_CUFRAMES_ON_GONE_WAIT;
    options.cuda_device = cuframes_some(static_cast<guint64>(cuda_device));
    options.start = CUFRAMES_START_LIVE;
    return options;
}

cuframes_subscriber_options SrcSettings::packet_options() const {
    cuframes_subscriber_options options;
    CUFRAMES_INIT(options);
    options.content = CUFRAMES_CONTENT_PACKETS;
    options.key = key.c_str();
    options.directory = or_null(directory);
    options.name = or_null(name_tag);
    options.mode = mode;
    options.connect_timeout_ms = connect_timeout_ms;
    options.end_when_gone = on_gone != GST_CUFRAMES_ON_GONE_WAIT;
    options.start = start;
    options.preroll = start == CUFRAMES_START_PREROLL ? preroll_ms * GST_MSECOND : 0;
    options.start_time = start == CUFRAMES_START_TIME ? cuframes_some(start_time_ns) : cuframes_optional{};
    return options;
}

} // namespace cuframes::gst
