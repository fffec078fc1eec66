// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/preroll.h"

#include "shared/clocking.h"
#include "shared/stats.h"

#include <unistd.h>

#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

/// Its base time is that of the pipeline then.
bool is_to_play(GstBaseSink* sink) {
    GST_OBJECT_LOCK(sink);
    const bool plays = GST_STATE_TARGET(sink) == GST_STATE_PLAYING;
    GST_OBJECT_UNLOCK(sink);
    return plays;
}

} // namespace

Preroll::Preroll(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                 std::shared_ptr<Publication> publication, Publish publish)
    : sink_(sink), settings_(settings), publication_(std::move(publication)), publish_(std::move(publish)) {}

void Preroll::start() {
    subscribers_came_ = settings_.copy().wait_for_subscribers == 0;
    shows_preroll_ = false;
}

void Preroll::stop() {
    forget_prerolled();
    shown_ = nullptr;
}

bool Preroll::was_shown(GstBuffer* buffer) {
    shows_preroll_ = false;
    forget_prerolled();
    return std::exchange(shown_, nullptr) == buffer;
}

bool Preroll::enough_subscribers() {
    if (!subscribers_came_ && publication_->num_subscribers() >= settings_.copy().wait_for_subscribers) {
        subscribers_came_ = true;
    }
    return subscribers_came_;
}

void Preroll::subscribers_changed() {
    if (subscribers_came_ && !prerolls_) {
        return; // the lock may be held for as long as a frame waits for readers
    }
    // Whoever holds the first frame waits as the base class does for its state changes.
    GST_BASE_SINK_PREROLL_LOCK(sink_);
    GST_BASE_SINK_PREROLL_SIGNAL(sink_);
    if (prerolled_ && has_reader_of_this_process()) {
        show_prerolled();
    }
    GST_BASE_SINK_PREROLL_UNLOCK(sink_);
}

bool Preroll::upstream_is_live() const {
    GstQuery* query = gst_query_new_latency();
    gboolean live = FALSE;
    if (gst_pad_peer_query(GST_BASE_SINK_PAD(sink_), query)) {
        gst_query_parse_latency(query, &live, nullptr, nullptr);
    }
    gst_query_unref(query);
    return live;
}

/// Before the pipeline plays, so that its clock does not run meanwhile: this is called while the sink prerolls, with the
/// preroll lock held, and the state change is not done before it returns.
GstFlowReturn Preroll::hold_for_subscribers() {
    if (enough_subscribers() || upstream_is_live()) {
        return GST_FLOW_OK;
    }
    GST_INFO_OBJECT(sink_, "holding the first frame until %u subscribers have attached",
                    settings_.copy().wait_for_subscribers);
    while (!enough_subscribers()) {
        if (publication_->interruptions() & (Publication::unlocking | Publication::flushing | Publication::stopping)) {
            return GST_FLOW_FLUSHING;
        }
        GST_BASE_SINK_PREROLL_WAIT(sink_);
    }
    return GST_FLOW_OK;
}

GstFlowReturn Preroll::hold(GstBuffer* buffer) {
    if (const GstFlowReturn flow = hold_for_subscribers(); flow != GST_FLOW_OK) {
        return flow;
    }
    gst_buffer_replace(&prerolled_, buffer);
    prerolls_ = true;
    // Paused and sought, that picture is to be seen now. And a reader in this pipeline has to have one before its own sinks
    // let the pipeline play, for which this sink would wait for ever.
    return shows_preroll_ || has_reader_of_this_process() ? show_prerolled() : GST_FLOW_OK;
}

bool Preroll::has_reader_of_this_process() const {
    bool found = false;
    publication_->with_publisher([&](cuframes_publisher* publisher) {
        for (const cuframes_subscriber_info& who : list_subscribers(publisher)) {
            found = found || who.pid == getpid();
        }
        return CUFRAMES_OK;
    });
    return found;
}

/// With the preroll lock held. render() does not show it again.
GstFlowReturn Preroll::show_prerolled() {
    shows_preroll_ = false;
    shown_ = prerolled_;
    // Before the clock runs no time stamp says when that was: then it is now.
    const GstFlowReturn flow = publish_(prerolled_, is_to_play(sink_) ? GST_CLOCK_TIME_NONE : monotonic_now());
    forget_prerolled();
    return flow;
}

void Preroll::forget_prerolled() {
    prerolls_ = false;
    gst_clear_buffer(&prerolled_);
}

void Preroll::flushed(bool shows) {
    GST_BASE_SINK_PREROLL_LOCK(sink_);
    forget_prerolled();
    shown_ = nullptr;
    shows_preroll_ = shows;
    GST_BASE_SINK_PREROLL_UNLOCK(sink_);
}

} // namespace cuframes::gst
