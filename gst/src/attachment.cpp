// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/attachment.h"

#include "shared/errors.h"
#include "shared/stats.h"

#include <mutex>
#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {

Attachment::~Attachment() { gst_clear_structure(&last_stats_); }

void Attachment::reset() {
    latency_.reset();
    waiting_told_ = false;
    interrupted_ = false;
}

int Attachment::make_subscriber(const ContentReader& reader, cuframes_subscriber** subscriber) {
    const SrcSettings settings = settings_.copy();
    cuframes_subscriber_options options = reader.options(settings);
    options.on_state = [](cuframes_subscriber_state state, uint64_t epoch, int32_t pid, void* self) {
        static_cast<Attachment*>(self)->state_changed(state, epoch, pid);
    };
    options.user_data = this;
    return cuframes_subscriber_create(&options, subscriber);
}

bool Attachment::attach(ContentReader& reader, ContentReader* before) {
    cuframes_subscriber* subscriber = nullptr;
    const int result = make_subscriber(reader, &subscriber);
    // Not with the lock held: whoever hears of it first, on this thread, may ask for the statistics.
    if (result != CUFRAMES_OK) {
        post_library_error(element_, result, "making the subscriber");
    }
    const std::unique_lock life(life_);
    if (before) {
        before->stop();
    }
    cuframes_subscriber_destroy(std::exchange(subscriber_, subscriber));
    if (subscriber_) {
        cuframes_subscriber_set_interrupted(subscriber_, interrupted_);
    }
    reader.start(subscriber_);
    return result == CUFRAMES_OK;
}

void Attachment::detach(ContentReader& reader) {
    const std::unique_lock life(life_);
    gst_clear_structure(&last_stats_);
    const ReaderCounts counts = reader.counts();
    last_stats_ = subscriber_stats(subscriber_, counts.copied, counts.early, counts.metas_skipped);
    reader.stop();
    cuframes_subscriber_destroy(std::exchange(subscriber_, nullptr));
}

void Attachment::set_interrupted(bool interrupted) {
    const std::shared_lock life(life_);
    interrupted_ = interrupted;
    if (subscriber_) {
        cuframes_subscriber_set_interrupted(subscriber_, interrupted);
    }
}

GstStructure* Attachment::stats(const ReaderCounts& counts) const {
    const std::shared_lock life(life_);
    if (!subscriber_ && last_stats_) {
        return gst_structure_copy(last_stats_);
    }
    return subscriber_stats(subscriber_, counts.copied, counts.early, counts.metas_skipped);
}

void Attachment::state_changed(cuframes_subscriber_state state, uint64_t epoch, int32_t pid) {
    GST_INFO_OBJECT(element_, "publisher is %s, pid %d, epoch %" G_GUINT64_FORMAT, cuframes_state_name(state), pid,
                    epoch);
    GstStructure* news = gst_structure_new("cuframes-publisher", "state", G_TYPE_STRING, cuframes_state_name(state),
                                           "epoch", G_TYPE_UINT64, epoch, "pid", G_TYPE_INT, pid, "key", G_TYPE_STRING,
                                           settings_.copy().key.c_str(), nullptr);
    gst_element_post_message(element_, gst_message_new_element(GST_OBJECT_CAST(element_), news));
}

/// The library tells of changes; this is where they start from.
void Attachment::tell_of_waiting() {
    if (!std::exchange(waiting_told_, true)) {
        state_changed(CUFRAMES_STATE_WAITING, 0, 0);
    }
}

GstFlowReturn Attachment::flow_of(int result) {
    switch (result) {
    case CUFRAMES_OK:
        return GST_FLOW_OK;
    case CUFRAMES_ERROR_INTERRUPTED:
        return GST_FLOW_FLUSHING;
    case CUFRAMES_ERROR_EOS:
        return GST_FLOW_EOS;
    case CUFRAMES_ERROR_OTHER_CONTENT:
        return flow_other_content;
    case CUFRAMES_ERROR_PUBLISHER_GONE:
        if (settings_.copy().on_gone == GST_CUFRAMES_ON_GONE_EOS) {
            return GST_FLOW_EOS;
        }
        [[fallthrough]];
    default:
        post_library_error(element_, result, "taking a frame");
        return GST_FLOW_ERROR;
    }
}

bool Attachment::learn_latency(GstClockTime told, GstClockTime capture, GstClockTime visible) {
    if (!latency_.update(told, capture, visible)) {
        return false;
    }
    GST_INFO_OBJECT(element_, "latency is %" GST_TIME_FORMAT " now", GST_TIME_ARGS(latency_.value()));
    return true;
}

} // namespace cuframes::gst
