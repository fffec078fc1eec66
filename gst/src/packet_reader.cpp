// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/packet_reader.h"

#include "shared/clocking.h"
#include "shared/errors.h"

#include <algorithm>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

namespace cuframes::gst {
namespace {

/// Who waits longer for a picture than this asks himself why.
constexpr int64_t patience_ms = 2000;

/// Without what only a decoder reads, which may be long.
std::string told(GstCaps* caps) {
    GstCaps* brief = gst_caps_copy(caps);
    gst_structure_remove_fields(gst_caps_get_structure(brief, 0), "codec_data", "streamheader", nullptr);
    gchar* text = gst_caps_to_string(brief);
    std::string out = text;
    g_free(text);
    gst_caps_unref(brief);
    return out;
}

/// Where it does not, what came while the streaming thread was on its way to the first packet is no past.
bool asks_for_past(const SrcSettings& settings) { return settings.start != CUFRAMES_START_LIVE; }

} // namespace

PacketReader::PacketReader(GstBaseSrc* src, const ElementSettings<SrcSettings>& settings, Attachment& attachment)
    : src_(src),
      element_(GST_ELEMENT_CAST(src)),
      settings_(settings),
      attachment_(attachment),
      display_(element_),
      record_(element_),
      join_(&display_),
      metas_(element_),
      clock_(element_, settings) {}

void PacketReader::enter() {
    join_ = settings_.copy().records() ? static_cast<Join*>(&record_) : &display_;
    join_.load()->enter();
    early_ = 0;
    preroll_given_ = 0;
}

cuframes_subscriber_options PacketReader::options(const SrcSettings& settings) const {
    return settings.packet_options();
}

void PacketReader::start(cuframes_subscriber* subscriber) {
    subscriber_ = subscriber;
    clock_.start();
    discontinuity_pending_ = false;
    is_first_ = true;
    told_of_wait_ = false;
    lacks_keyframe_ = false;
    epoch_ = caps_version_ = 0;
}

void PacketReader::stop() {
    packet_.reset();
    header_.clear();
    GST_OBJECT_LOCK(src_);
    gst_clear_caps(&caps_);
    GST_OBJECT_UNLOCK(src_);
    subscriber_ = nullptr;
}

GstFlowReturn PacketReader::create(GstBuffer** buffer) {
    for (;;) {
        if (const GstFlowReturn flow = take(); flow != GST_FLOW_OK) {
            return flow;
        }
        const cuframes_packet_view& view = *cuframes_packet_get(packet_.get());
        const PacketTimes times = clock_.times_of(view);
        if (const GstFlowReturn flow = prepare(view, times); flow != GST_FLOW_OK) {
            return flow;
        }
        if (!header_.empty()) {
            *buffer = header_.front().release();
            header_.pop_front();
            return GST_FLOW_OK;
        }
        const std::optional<Placing> placing = join_.load()->place(times);
        lacks_keyframe_ = view.delta ? lacks_keyframe_ : !placing;
        if (placing && !lacks_keyframe_) {
            *buffer = wrap(*placing);
            return GST_FLOW_OK;
        }
        GST_LOG_OBJECT(src_, "packet %" G_GUINT64_FORMAT " or its keyframe is from before the recording: left out",
                       view.sequence);
        ++early_;
        packet_.reset();
    }
}

/// One that was taken when a wait was interrupted comes again.
GstFlowReturn PacketReader::take() {
    if (packet_) {
        return GST_FLOW_OK;
    }
    cuframes_packet* packet = nullptr;
    const int result = attachment_.take([&] { return next(&packet); });
    packet_.reset(packet);
    if (packet) {
        const cuframes_packet_view& view = *cuframes_packet_get(packet);
        discontinuity_pending_ = discontinuity_pending_ || view.discontinuity;
        if (view.discontinuity && view.behind > 0) {
            join_.load()->fall_back();
        }
    }
    return attachment_.flow_of(result);
}

int PacketReader::next(cuframes_packet** packet) {
    while (is_first_ && !told_of_wait_) {
        const int result = cuframes_subscriber_next_packet(subscriber_, patience_ms, packet);
        if (result != CUFRAMES_ERROR_TIMEOUT) {
            return result;
        }
        tell_of_wait();
    }
    return cuframes_subscriber_next_packet(subscriber_, -1, packet);
}

/// Packets come, but no keyframe to begin with.
void PacketReader::tell_of_wait() {
    cuframes_packet_window window;
    CUFRAMES_INIT(window);
    if (cuframes_subscriber_get_packet_window(subscriber_, &window) != CUFRAMES_OK || window.packets == 0) {
        return;
    }
    told_of_wait_ = true;
    const std::string key = settings_.copy().key;
    GST_ELEMENT_INFO(element_, STREAM, FAILED,
                     ("cuframessrc key=%s waits for the next keyframe of the stream", key.c_str()),
                     ("start=keyframe begins at once, with the newest that there is"));
}

/// All that comes before the packet: its caps, and the segment in which it has a place.
GstFlowReturn PacketReader::prepare(const cuframes_packet_view& view, const PacketTimes& times) {
    if (attachment_.learn_latency(view.latency, times.time(), view.publish_time)) {
        gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT_CAST(src_)));
    }
    const bool is_first = std::exchange(is_first_, false);
    if (is_first) {
        note_past(view, times);
    }
    if (const GstFlowReturn flow = follow_caps(view); flow != GST_FLOW_OK) {
        return flow;
    }
    return begin_segment(view, times, is_first) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

/// What was asked of the past, and what there is of it.
void PacketReader::note_past(const cuframes_packet_view& view, const PacketTimes& times) {
    const GstClockTime now = monotonic_now();
    const auto since = [now](GstClockTime time) { return now > time ? now - time : 0; };
    const SrcSettings settings = settings_.copy();
    const GstClockTime given = view.behind > 0 && asks_for_past(settings) ? since(times.time()) : 0;
    preroll_given_ = given;
    const bool by_time = settings.start == CUFRAMES_START_TIME && settings.start_time_ns > 0;
    const GstClockTime asked = settings.start == CUFRAMES_START_PREROLL ? settings.preroll_ms * GST_MSECOND
                               : by_time                                ? since(settings.start_time_ns)
                                                                        : 0;
    if (given < asked) {
        tell_of_shorter_past(asked, given);
    }
}

void PacketReader::tell_of_shorter_past(GstClockTime asked, GstClockTime given) {
    const SrcSettings settings = settings_.copy();
    GST_WARNING_OBJECT(
        src_,
        "key=%s: %u ms of the past were asked for and %u ms are there; a publisher that keeps more has a "
        "larger max-time or max-bytes, or has been there for longer",
        settings.key.c_str(), in_ms(asked), in_ms(given));
    GstStructure* news = gst_structure_new("cuframes-preroll", "asked", G_TYPE_UINT, in_ms(asked), "given", G_TYPE_UINT,
                                           in_ms(given), "key", G_TYPE_STRING, settings.key.c_str(), nullptr);
    gst_element_post_message(element_, gst_message_new_element(GST_OBJECT_CAST(src_), news));
}

GstFlowReturn PacketReader::follow_caps(const cuframes_packet_view& view) {
    if (view.epoch == epoch_ && view.caps_version == caps_version_) {
        return GST_FLOW_OK;
    }
    if (view.caps[0] != '\0') {
        if (!take_caps(view) || !accepted_downstream()) {
            return GST_FLOW_NOT_NEGOTIATED;
        }
        const bool begins_the_stream = view.flags & GST_BUFFER_FLAG_HEADER;
        header_ = begins_the_stream ? std::deque<BufferPtr>() : flac_header(caps_);
        if (!negotiate()) {
            return GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
        }
    }
    epoch_ = view.epoch;
    caps_version_ = view.caps_version;
    return GST_FLOW_OK;
}

bool PacketReader::take_caps(const cuframes_packet_view& view) {
    GstCaps* caps = may_be_parsed(view.caps) ? gst_caps_from_string(view.caps) : nullptr;
    if (!caps || !gst_caps_is_fixed(caps)) {
        post_error(element_, CUFRAMES_ERROR_PROTOCOL,
                   "cuframessrc key=" + settings_.copy().key + ": the publisher's caps '" + view.caps +
                       "' cannot be used: they name no single media type; is the publisher of another version?",
                   "reading the caps");
        gst_clear_caps(&caps);
        return false;
    }
    GST_DEBUG_OBJECT(src_, "caps from packet %" G_GUINT64_FORMAT " on: %" GST_PTR_FORMAT, view.sequence,
                     static_cast<void*>(caps));
    GST_OBJECT_LOCK(src_);
    std::swap(caps_, caps);
    GST_OBJECT_UNLOCK(src_);
    gst_clear_caps(&caps);
    return true;
}

bool PacketReader::accepted_downstream() {
    if (gst_pad_peer_query_accept_caps(GST_BASE_SRC_PAD(src_), caps_) || GST_PAD_IS_FLUSHING(GST_BASE_SRC_PAD(src_))) {
        return true;
    }
    const std::string media = gst_structure_get_name(gst_caps_get_structure(caps_, 0));
    post_error(element_, CUFRAMES_ERROR_INVALID_STATE,
               "cuframessrc key=" + settings_.copy().key +
                   ": the next element does not take the publisher's packets, " + told(caps_) +
                   "; put their parser or decoder in between (decodebin3 finds one), " + media +
                   " by itself before a muxer, or read a key with frames",
               "negotiating");
    return false;
}

bool PacketReader::negotiate() {
    GstCaps* now = caps();
    const bool done = !now || gst_base_src_set_caps(src_, now);
    gst_clear_caps(&now);
    return done;
}

bool PacketReader::decide_allocation(GstQuery* query) {
    // Packets come in memory of their own.
    while (gst_query_get_n_allocation_pools(query) > 0) {
        gst_query_remove_nth_allocation_pool(query, 0);
    }
    return true;
}

GstCaps* PacketReader::caps() const {
    GST_OBJECT_LOCK(src_);
    GstCaps* caps = caps_ ? gst_caps_ref(caps_) : nullptr;
    GST_OBJECT_UNLOCK(src_);
    return caps;
}

/// False: interrupted.
bool PacketReader::begin_segment(const cuframes_packet_view& view, const PacketTimes& times, bool is_first) {
    Join& join = *join_.load();
    if (!join.begins_with(times, view.behind)) {
        return true;
    }
    cuframes_packet_window window;
    CUFRAMES_INIT(window);
    const bool in_past = view.behind > 0 && (!is_first || asks_for_past(settings_.copy()));
    const bool known = in_past && cuframes_subscriber_get_packet_window(subscriber_, &window) == CUFRAMES_OK &&
                       GST_CLOCK_TIME_IS_VALID(window.newest_time);
    const GstClockTime newest = known ? clock_.moved(window.newest_time) : times.time();
    const std::optional<GstSegment> segment = join.begin(times, newest);
    if (segment) {
        GST_DEBUG_OBJECT(src_,
                         "from packet %" G_GUINT64_FORMAT " on, %" G_GUINT64_FORMAT " behind: %" GST_SEGMENT_FORMAT,
                         view.sequence, view.behind, static_cast<const void*>(&*segment));
        gst_base_src_new_segment(src_, &*segment);
    }
    return segment.has_value();
}

GstBuffer* PacketReader::wrap(const Placing& placing) {
    const cuframes_packet_view& view = *cuframes_packet_get(packet_.get());
    GstBuffer* buffer = gst_buffer_new();
    if (view.size > 0) {
        // Others of this process may have the same packet.
        gst_buffer_append_memory(
            buffer, gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, const_cast<void*>(view.data), view.size, 0,
                                           view.size, cuframes_packet_ref(packet_.get()), [](gpointer packet) {
                                               cuframes_packet_unref(static_cast<cuframes_packet*>(packet));
                                           }));
        GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_TAG_MEMORY);
    }
    GST_BUFFER_PTS(buffer) = placing.pts;
    GST_BUFFER_DTS(buffer) = placing.dts;
    GST_BUFFER_DURATION(buffer) = view.duration;
    GST_BUFFER_FLAG_SET(buffer, view.flags & portable_flag_mask);
    if (view.delta) {
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    }
    if (std::exchange(discontinuity_pending_, false)) {
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    }
    metas_.unpack(buffer, placing.running, view.metadata, view.metadata_size);
    packet_.reset();
    return buffer;
}

} // namespace cuframes::gst
