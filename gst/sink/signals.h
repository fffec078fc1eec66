// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "sink/subscriber_events.h"

namespace cuframes::gst {

void install_sink_signals(GType type);

/// Tells the application about one subscriber: the signals, and the notification of num-subscribers.
void deliver_subscriber_event(GstElement* sink, const SubscriberEvents::Event& event);

} // namespace cuframes::gst
