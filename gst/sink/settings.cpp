// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/settings.h"

#include "shared/settings.h"

#include <sstream>

namespace cuframes::gst {
namespace {

cuframes_publisher_options defaults() {
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.max_slots = CUFRAMES_DEFAULT_MAX_SLOTS;
    options.wait_timeout_ms = CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS;
    options.max_subscribers = CUFRAMES_DEFAULT_MAX_SUBSCRIBERS;
    options.max_bytes = CUFRAMES_DEFAULT_MAX_BYTES;
    options.content = CUFRAMES_CONTENT_UNDECIDED;
    return options;
}

/// Collects settings that differ from their defaults, as they are written.
class Changed {
public:
    template <class Value>
    void note(const char* name, const Value& value, const Value& untouched) {
        if (value != untouched) {
            text_ << (text_.view().empty() ? "" : ", ") << name << '=' << value;
        }
    }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
};

} // namespace

SinkSettings::SinkSettings() : cuframes_publisher_options(defaults()) {}

cuframes_publisher_options SinkSettings::options() const {
    auto options = static_cast<const cuframes_publisher_options&>(*this);
    options.key = key.c_str();
    options.directory = or_null(directory);
    options.access = or_null(access);
    options.max_time = max_time_ms * GST_MSECOND;
    // The library refuses what is of the other content.
    if (content == CUFRAMES_CONTENT_PACKETS) {
        options.slots = options.max_slots = 0;
    }
    if (content == CUFRAMES_CONTENT_FRAMES) {
        options.max_time = options.max_bytes = 0;
    }
    return options;
}

std::string SinkSettings::changed_for_frames() const {
    const SinkSettings untouched;
    Changed changed;
    changed.note("slots", slots, untouched.slots);
    changed.note("max-slots", max_slots, untouched.max_slots);
    changed.note("cuda-device-id", cuda_device, untouched.cuda_device);
    if (memory == GST_CUFRAMES_MEMORY_CUDA) { // in system memory they are
        changed.note("memory", std::string("cuda"), std::string());
    }
    return changed.text();
}

std::string SinkSettings::changed_for_packets() const {
    const SinkSettings untouched;
    Changed changed;
    changed.note("max-time", max_time_ms, untouched.max_time_ms);
    changed.note("max-bytes", max_bytes, untouched.max_bytes);
    return changed.text();
}

} // namespace cuframes::gst
