// SPDX-License-Identifier: LGPL-2.1-or-later
// SinkState, second part: the way of one frame into the ring.
#include "gst-common/relaxed_capture.h"
#include "shared/clocking.h"
#include "shared/errors.h"
#include "shared/stats.h"
#include "sink/state.h"

#include <unistd.h>

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

GstClockTime running_time_of(GstBuffer* buffer, const GstSegment& segment) {
    return segment.format == GST_FORMAT_TIME
               ? gst_segment_to_running_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
               : GST_CLOCK_TIME_NONE;
}

/// A mapped video frame that unmaps itself.
class MappedFrame {
public:
    MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, bool on_gpu) : why_not_(contradiction(info, buffer)) {
        mapped_ = why_not_.empty() && gst_video_frame_map(&frame_, &info, buffer, read_flags(on_gpu));
        if (!mapped_) {
            return;
        }
        // The picture is what the caps say; a GstVideoMeta may speak of a border around it.
        frame_.info.width = GST_VIDEO_INFO_WIDTH(&info);
        frame_.info.height = GST_VIDEO_INFO_HEIGHT(&info);
        why_not_ = unreadable_rows(frame_);
    }
    MappedFrame(const MappedFrame&) = delete;
    MappedFrame& operator=(const MappedFrame&) = delete;
    ~MappedFrame() {
        if (mapped_) {
            gst_video_frame_unmap(&frame_);
        }
    }

    explicit operator bool() const { return mapped_ && why_not_.empty(); }
    const GstVideoFrame& operator*() const { return frame_; }
    /// What is wrong with the buffer; empty where GStreamer alone could say.
    const std::string& why_not() const { return why_not_; }

private:
    GstVideoFrame frame_{};
    std::string why_not_;
    bool mapped_ = false;
};

/// The memory of a frame whose planes are all on the GPU. Without GstVideoMeta several memories are one after they were
/// downloaded.
std::optional<CudaMemoryView> gpu_memory_of(GstBuffer* buffer) {
    const guint count = gst_buffer_n_memory(buffer);
    if (count > 1 && !gst_buffer_get_video_meta(buffer)) {
        return std::nullopt;
    }
    for (guint i = 1; i < count; ++i) {
        if (!view_cuda_memory(gst_buffer_peek_memory(buffer, i))) {
            return std::nullopt;
        }
    }
    return view_cuda_memory(gst_buffer_peek_memory(buffer, 0));
}

/// Error of ours for a buffer that does not hold what its caps say; none of the library's means that.
constexpr int bad_buffer = CUFRAMES_ERROR_INVALID_ARGUMENT;

} // namespace

GstFlowReturn SinkState::after_interruption() {
    if (ring_->interruptions() & (Ring::flushing | Ring::stopping)) {
        return GST_FLOW_FLUSHING;
    }
    if (ring_->interruptions() & Ring::unlocking) {
        return gst_base_sink_wait_preroll(GST_BASE_SINK(sink_));
    }
    return GST_FLOW_OK;
}

bool SinkState::enough_subscribers() {
    if (!subscribers_came_ && num_subscribers() >= copy_settings().wait_for_subscribers) {
        subscribers_came_ = true;
    }
    return subscribers_came_;
}

void SinkState::subscribers_changed() {
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

bool SinkState::upstream_is_live() const {
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
GstFlowReturn SinkState::hold_for_subscribers() {
    if (enough_subscribers() || upstream_is_live()) {
        return GST_FLOW_OK;
    }
    GST_INFO_OBJECT(sink_, "holding the first frame until %u subscribers have attached",
                    copy_settings().wait_for_subscribers);
    while (!enough_subscribers()) {
        if (ring_->interruptions() & (Ring::unlocking | Ring::flushing | Ring::stopping)) {
            return GST_FLOW_FLUSHING;
        }
        GST_BASE_SINK_PREROLL_WAIT(sink_);
    }
    return GST_FLOW_OK;
}

GstFlowReturn SinkState::preroll(GstBuffer* buffer) {
    if (gst_buffer_n_memory(buffer) == 0 || !caps_) {
        return GST_FLOW_OK; // render() says what is missing
    }
    // Readers attach to a ring that knows its caps.
    if (!ensure_generation()) {
        return GST_FLOW_ERROR;
    }
    if (const GstFlowReturn flow = hold_for_subscribers(); flow != GST_FLOW_OK) {
        return flow;
    }
    gst_buffer_replace(&prerolled_, buffer);
    prerolls_ = true;
    // Paused and sought, that picture is to be seen now. And a reader in this pipeline has to have one before its own sinks
    // let the pipeline play, for which this sink would wait for ever.
    return shows_preroll_ || has_reader_of_this_process() ? show_prerolled() : GST_FLOW_OK;
}

bool SinkState::has_reader_of_this_process() const {
    bool found = false;
    ring_->with_publisher([&](cuframes_publisher* publisher) {
        for (const cuframes_subscriber_info& who : list_subscribers(publisher)) {
            found = found || who.pid == getpid();
        }
        return CUFRAMES_OK;
    });
    return found;
}

/// With the preroll lock held. Its time of capture is now, as no clock runs; render() does not show it again.
GstFlowReturn SinkState::show_prerolled() {
    shows_preroll_ = false;
    shown_ = prerolled_;
    const GstFlowReturn flow = publish(prerolled_, monotonic_now());
    forget_prerolled();
    return flow;
}

void SinkState::forget_prerolled() {
    prerolls_ = false;
    gst_clear_buffer(&prerolled_);
}

void SinkState::flushed() {
    GST_BASE_SINK_PREROLL_LOCK(sink_);
    forget_prerolled();
    shown_ = nullptr;
    shows_preroll_ = true;
    GST_BASE_SINK_PREROLL_UNLOCK(sink_);
}

GstFlowReturn SinkState::render(GstBuffer* buffer) {
    // Gaps in the stream are sent as buffers without memory: there is no picture to show.
    if (gst_buffer_n_memory(buffer) == 0) {
        return GST_FLOW_OK;
    }
    if (!caps_) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + copy_settings().key +
                       ": frames come without caps; put a capsfilter before it that says their format and size",
                   "reading the caps");
        return GST_FLOW_NOT_NEGOTIATED;
    }
    if (!ensure_generation()) {
        return GST_FLOW_ERROR;
    }
    // A live source cannot be held: what it sends before the readers are there is for nobody.
    if (!enough_subscribers()) {
        return GST_FLOW_OK;
    }
    shows_preroll_ = false;
    forget_prerolled();
    return std::exchange(shown_, nullptr) == buffer ? GST_FLOW_OK : publish(buffer);
}

cuframes_frame_info SinkState::frame_info(GstBuffer* buffer) {
    const TimeMap times(element_);
    const GstSegment& segment = GST_BASE_SINK(sink_)->segment;
    if (segment.format != GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID(buffer) && !std::exchange(segment_told_, true)) {
        GST_ELEMENT_WARNING(
            element_, STREAM, FORMAT,
            ("cuframessink key=%s: the stream's segment is in %s, not in time, so that nothing waits for "
             "the times of its buffers; set format=time on the appsrc or other source",
             copy_settings().key.c_str(), gst_format_get_name(segment.format)),
            ("the time stamps are taken for running times"));
    }
    const GByteArray* metadata = metas_.pack(buffer, running_time_of(buffer, segment));
    cuframes_frame_info info;
    CUFRAMES_INIT(info);
    info.flags = GST_BUFFER_FLAGS(buffer) & portable_flag_mask;
    info.pts = cuframes_some(times.to_monotonic(segment, GST_BUFFER_PTS(buffer)));
    info.dts = cuframes_some(times.to_monotonic(segment, GST_BUFFER_DTS(buffer)));
    info.duration = cuframes_some(GST_BUFFER_DURATION(buffer));
    info.offset = cuframes_some(GST_BUFFER_OFFSET(buffer));
    info.offset_end = cuframes_some(GST_BUFFER_OFFSET_END(buffer));
    info.metadata = metadata->data;
    info.metadata_size = metadata->len;
    return info;
}

MemoryRecord* SinkState::own_unpublished_slot(GstBuffer* buffer) const {
    if (gst_buffer_n_memory(buffer) != 1) {
        return nullptr;
    }
    GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
    MemoryRecord* record = MemoryBook::record_of(memory);
    if (!record || record->published || record->book != generation_->book || memory->size != memory->maxsize) {
        return nullptr;
    }
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    const Layout& layout = generation_->spec.layout;
    return (meta ? meta_matches(meta, layout) : is_default_layout(layout)) ? record : nullptr;
}

int SinkState::publish_in_place(GstMemory* memory, MemoryRecord* record, const cuframes_frame_info& info) {
    const std::optional<CudaMemoryView> gpu = view_cuda_memory(memory);
    if (gpu) {
        // Pixels that somebody wrote through a mapping in host memory go to the GPU when it is mapped there.
        GstMapInfo map;
        if (!gst_memory_map(memory, &map, read_flags(true))) {
            return bad_buffer;
        }
        gst_memory_unmap(memory, &map);
    }
    const int result = cuframes_slot_publish(static_cast<cuframes_slot*>(record->handle), &info,
                                             gpu ? gpu->stream : CUFRAMES_DEFAULT_STREAM);
    if (result == CUFRAMES_OK) {
        record->published = true;
        // Readers see it now: an element that wants to draw on it, behind a tee say, gets a copy instead.
        GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
    }
    return result;
}

int SinkState::copy_and_publish(cuframes_slot* slot, GstBuffer* buffer, const cuframes_frame_info& info) {
    const std::optional<CudaMemoryView> gpu = gpu_memory_of(buffer);
    const MappedFrame frame(info_, buffer, gpu.has_value());
    if (!frame) {
        post_error(element_, bad_buffer,
                   "cuframessink key=" + copy_settings().key + ": a buffer of " +
                       std::to_string(gst_buffer_get_size(buffer)) + " bytes does not hold a frame of these caps" +
                       (frame.why_not().empty() ? "" : ": " + frame.why_not()),
                   "reading a frame");
        return bad_buffer;
    }
    cuframes_image image = image_of(*frame, gpu ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST);
    if (gpu) {
        image.cuda_stream = gpu->stream;
    }
    int result = cuframes_slot_write(slot, &image);
    if (result == CUFRAMES_OK) {
        result = cuframes_slot_publish(slot, &info, image.cuda_stream);
    }
    if (result != CUFRAMES_OK && result != CUFRAMES_ERROR_INVALID_STATE) {
        post_library_error(element_, result, "copying a frame into the ring");
    }
    return result;
}

GstFlowReturn SinkState::publish_copy(GstBuffer* buffer, const cuframes_frame_info& info) {
    for (;;) {
        cuframes_slot* slot = nullptr;
        int result = ring_->acquire(*generation_, CUFRAMES_ACQUIRE_DEFAULT, &slot);
        if (result == CUFRAMES_OK) {
            result = copy_and_publish(slot, buffer, info);
            cuframes_slot_release(slot);
            if (result != CUFRAMES_ERROR_INVALID_STATE) {
                return result == CUFRAMES_OK ? GST_FLOW_OK : GST_FLOW_ERROR;
            }
        }
        GstFlowReturn flow = GST_FLOW_OK;
        switch (result) {
        case CUFRAMES_ERROR_NO_FREE_SLOT:
            GST_DEBUG_OBJECT(sink_, "no slot is free: a frame is dropped");
            ring_->with_publisher(cuframes_publisher_drop);
            return GST_FLOW_OK;
        case CUFRAMES_ERROR_INTERRUPTED:
            flow = after_interruption();
            break;
        case CUFRAMES_ERROR_INVALID_STATE: // a pool has started another generation meanwhile
            flow = ensure_generation() ? GST_FLOW_OK : GST_FLOW_ERROR;
            break;
        default:
            post_library_error(element_, result, "taking a slot");
            flow = GST_FLOW_ERROR;
        }
        if (flow != GST_FLOW_OK) {
            return flow;
        }
    }
}

GstFlowReturn SinkState::publish(GstBuffer* buffer, GstClockTime capture) {
    const RelaxedCapture relaxed; // to map and to unmap
    cuframes_frame_info info = frame_info(buffer);
    if (GST_CLOCK_TIME_IS_VALID(capture)) {
        info.pts = cuframes_some(capture);
    }
    if (MemoryRecord* record = own_unpublished_slot(buffer)) {
        const int result = publish_in_place(gst_buffer_peek_memory(buffer, 0), record, info);
        if (result == CUFRAMES_OK) {
            return GST_FLOW_OK;
        }
        if (result != CUFRAMES_ERROR_INVALID_STATE) {
            post_library_error(element_, result, "publishing a frame");
            return GST_FLOW_ERROR;
        }
    }
    GST_LOG_OBJECT(sink_, "%" GST_PTR_FORMAT " is not in a free slot of the ring: copying it",
                   static_cast<void*>(buffer));
    return publish_copy(buffer, info);
}

void SinkState::end_of_stream() {
    GST_INFO_OBJECT(sink_, "telling subscribers that the stream has ended");
    ring_->with_publisher(cuframes_publisher_eos);
}

} // namespace cuframes::gst
