// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subscriber/publisher_watch.h"

#include "base/log.h"

namespace cuframes::core {

bool PublisherWatch::begin(const Poller& poller) {
    if (auto armed = watch_.arm(); !armed) {
        hindrance_ = armed.error().message;
        end(poller);
        return false;
    }
    if (auto added = poller.add(watch_.fd(), Poller::Source::directory); !added) {
        hindrance_ = added.error().message;
        end(poller);
        return false;
    }
    hindrance_.clear();
    told_ = false;
    return true;
}

void PublisherWatch::tell_what_hinders() {
    if (!hindrance_.empty() && !std::exchange(told_, true)) {
        log(CUFRAMES_LOG_WARNING, text("looking for the publisher of \"", key_, "\" every ", look_interval.count(),
                                       " ms, as there is no event to wait for: ", hindrance_));
    }
}

bool PublisherWatch::pause() {
    watch_.disarm();
    return watch_.fd() >= 0;
}

void PublisherWatch::end(const Poller& poller) {
    poller.remove(watch_.fd());
    watch_.close();
}

} // namespace cuframes::core
