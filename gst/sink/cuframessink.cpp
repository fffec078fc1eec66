// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-cuframessink
 * @title: cuframessink
 * @short_description: Shares raw video frames with other processes, in place, and encoded packets with their past
 * @see_also: cuframessrc
 *
 * cuframessink publishes the frames it receives under a name, the #GstCuframesSink:key. Any number of processes on the
 * same host read them with cuframessrc, or through libcuframes, where they lie: in GPU memory or in host memory. There
 * is no copy for a reader that holds few frames, no message for a frame, and no waiting for readers unless that is
 * asked for. The ring grows as readers come and hold more, see #GstCuframesSink:slots.
 *
 * Upstream is offered a buffer pool whose buffers are slots of the shared ring. An element that takes it, as NVIDIA's
 * decoders, software decoders and videotestsrc do, writes its frames where the readers read them.
 * Frames that arrive in other memory are copied once, and counted as `copied` in #GstCuframesSink:stats.
 *
 * Without readers the element does the same and costs the same. Readers come and go at any time; one that holds frames
 * keeps only those slots, one that is killed gives them back, and none can stop the pipeline. When no slot is free, a
 * frame is dropped and counted; with #GstCuframesSink:policy set to wait, the pipeline waits for strict readers instead,
 * for #GstCuframesSink:wait-timeout at most.
 *
 * New caps start a new generation of the ring, which readers follow by themselves. EOS reaches every reader.
 *
 * What is not raw video is shared as packets, each buffer one: encoded video, sound, encoded or not, KLV, text, whatever
 * has caps in system memory. Those of the past #GstCuframesSink:max-time are kept, in #GstCuframesSink:max-bytes at most,
 * so that readers begin at a keyframe of the past and miss nothing. Video has to come in whole access units
 * (alignment=au), for which parsers are asked, preferably with parameter sets in the caps. What is not said to be whole
 * packets is refused with an error that names the parser. A key carries frames or packets: what the first caps are is
 * settled until the sink is set to READY.
 *
 * The times that readers see are those of capture: PTS and DTS as running time, without the latency of this pipeline.
 * Like any sink, cuframessink synchronises to the clock by default, which paces files. Readers are told how late that makes
 * frames, so that their sinks hold them no longer. Set sync=false to share the frames of a live source as soon as they are
 * there; readers then measure.
 *
 * Metas of buffers reach the readers: time codes, regions of interest, captions, AFD and bar data, analytics, the flags of
 * GstVideoMeta, and those that GStreamer can serialize, as GstReferenceTimestampMeta and custom metas. Others are counted
 * in the statistics, and logged once for each kind. GstVideoCropMeta is not supported and not announced, so that upstream
 * crops by itself.
 *
 * A camera, decoded once on the GPU and shared under the name cam-gate; then a process that shows it:
 * ## Example launch lines
 * |[
 * gst-launch-1.0 rtspsrc location=rtsp://camera.example/stream ! rtph264depay ! h264parse ! nvh264dec ! \
 *     cuframessink key=cam-gate sync=false
 * gst-launch-1.0 cuframessrc key=cam-gate ! cudadownload ! videoconvert ! autovideosink
 * ]|
 * The same in host memory, without a GPU:
 * |[
 * gst-launch-1.0 videotestsrc is-live=true ! video/x-raw,format=NV12,width=1280,height=720 ! cuframessink key=test
 * gst-launch-1.0 cuframessrc key=test ! videoconvert ! autovideosink
 * ]|
 *
 * The camera's packets beside its frames, of which a recorder gets the seconds before it was started:
 * |[
 * gst-launch-1.0 rtspsrc location=rtsp://camera.example/stream ! rtph264depay ! h264parse ! tee name=t \
 *     t. ! queue ! cuframessink key=cam-gate.h264  t. ! queue ! nvh264dec ! cuframessink key=cam-gate
 * gst-launch-1.0 -e cuframessrc key=cam-gate.h264 start=preroll preroll=10000 join=record ! h264parse ! mp4mux ! \
 *     filesink location=event.mp4
 * ]|
 *
 * Since: 0.1
 */
#include "sink/cuframessink.h"

#include "shared/uri.h"
#include "sink/properties.h"
#include "sink/signals.h"
#include "sink/state.h"

GST_DEBUG_CATEGORY(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

using cuframes::gst::Publication;
using cuframes::gst::SinkState;

G_DEFINE_FINAL_TYPE_WITH_CODE(GstCuframesSink, gst_cuframes_sink, GST_TYPE_BASE_SINK,
                              G_IMPLEMENT_INTERFACE(GST_TYPE_URI_HANDLER, cuframes::gst::init_sink_uri_handler))
GST_ELEMENT_REGISTER_DEFINE(cuframessink, "cuframessink", GST_RANK_NONE, GST_TYPE_CUFRAMES_SINK)

static SinkState& state_of(gpointer object) { return *GST_CUFRAMES_SINK(object)->state; }

static gboolean gst_cuframes_sink_unlock(GstBaseSink* base) {
    state_of(base).publication().interrupt(Publication::unlocking, true);
    return TRUE;
}

static gboolean gst_cuframes_sink_unlock_stop(GstBaseSink* base) {
    state_of(base).publication().interrupt(Publication::unlocking, false);
    return TRUE;
}

static gboolean gst_cuframes_sink_set_caps(GstBaseSink* base, GstCaps* caps) {
    GST_DEBUG_OBJECT(base, "what comes is %" GST_PTR_FORMAT, static_cast<void*>(caps));
    return state_of(base).set_caps(caps);
}

static GstCaps* gst_cuframes_sink_get_caps(GstBaseSink* base, GstCaps* filter) {
    return state_of(base).negotiation().acceptable_caps(filter);
}

static gboolean gst_cuframes_sink_propose_allocation(GstBaseSink* base, GstQuery* query) {
    return state_of(base).negotiation().propose_allocation(query);
}

static GstFlowReturn gst_cuframes_sink_preroll(GstBaseSink* base, GstBuffer* buffer) {
    return state_of(base).preroll(buffer);
}

static GstFlowReturn gst_cuframes_sink_render(GstBaseSink* base, GstBuffer* buffer) {
    return state_of(base).render(buffer);
}

static gboolean gst_cuframes_sink_event(GstBaseSink* base, GstEvent* event) {
    SinkState& state = state_of(base);
    const GstEventType type = GST_EVENT_TYPE(event);
    // The base class unlocks us for an instant only; a decoder that waits for a slot has to leave it all the while.
    if (type == GST_EVENT_FLUSH_START) {
        state.publication().interrupt(Publication::flushing, true);
    }
    // With EOS this returns when the last frame's time has come and it was rendered.
    const gboolean handled = GST_BASE_SINK_CLASS(gst_cuframes_sink_parent_class)->event(base, event);
    if (type == GST_EVENT_FLUSH_STOP) {
        state.publication().interrupt(Publication::flushing, false);
        state.flushed();
    }
    if (type == GST_EVENT_EOS && handled) {
        state.end_of_stream();
    }
    return handled;
}

static gboolean gst_cuframes_sink_query(GstBaseSink* base, GstQuery* query) {
    if (GST_QUERY_TYPE(query) == GST_QUERY_CONTEXT && state_of(base).cuda().answer(query)) {
        return TRUE;
    }
    return GST_BASE_SINK_CLASS(gst_cuframes_sink_parent_class)->query(base, query);
}

static gboolean gst_cuframes_sink_send_event(GstElement* element, GstEvent* event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_LATENCY) {
        GstClockTime latency = 0;
        gst_event_parse_latency(event, &latency);
        const GstClockTime own = state_of(element).tell_latency(latency);
        gst_event_unref(event);
        event = gst_event_new_latency(own);
    }
    return GST_ELEMENT_CLASS(gst_cuframes_sink_parent_class)->send_event(element, event);
}

static void gst_cuframes_sink_set_context(GstElement* element, GstContext* context) {
    state_of(element).cuda().offer(context);
    GST_ELEMENT_CLASS(gst_cuframes_sink_parent_class)->set_context(element, context);
}

static GstStateChangeReturn gst_cuframes_sink_change_state(GstElement* element, GstStateChange transition) {
    SinkState& state = state_of(element);
    // The key is held in PAUSED and PLAYING only: in READY, for which the base class's start and stop are too early and
    // too late, it can still be changed.
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !state.start()) {
        return GST_STATE_CHANGE_FAILURE;
    }
    // Threads of upstream elements may wait for a slot; they are not the base class's to unlock.
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
        state.publication().interrupt(Publication::stopping, true);
    }
    const GstStateChangeReturn result =
        GST_ELEMENT_CLASS(gst_cuframes_sink_parent_class)->change_state(element, transition);
    const bool failed = result == GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY || (transition == GST_STATE_CHANGE_READY_TO_PAUSED && failed)) {
        state.stop();
    }
    if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
        state.cuda().clear();
    }
    return result;
}

static GstPadLinkReturn gst_cuframes_sink_link(GstPad*, GstObject* self, GstPad* peer) {
    return state_of(self).negotiation().may_be_meant(peer) ? GST_PAD_LINK_OK : GST_PAD_LINK_REFUSED;
}

static void gst_cuframes_sink_init(GstCuframesSink* self) {
    gst_pad_set_link_function(GST_BASE_SINK_PAD(self), GST_DEBUG_FUNCPTR(gst_cuframes_sink_link));
    self->state = new SinkState(GST_BASE_SINK(self), cuframes::gst::deliver_subscriber_event);
    // A frame that is there is shared at once.
    gst_base_sink_set_processing_deadline(GST_BASE_SINK(self), 0);
}

static void gst_cuframes_sink_finalize(GObject* object) {
    delete GST_CUFRAMES_SINK(object)->state;
    G_OBJECT_CLASS(gst_cuframes_sink_parent_class)->finalize(object);
}

static void gst_cuframes_sink_class_init(GstCuframesSinkClass* klass) {
    GST_DEBUG_CATEGORY_INIT(gst_cuframes_sink_debug, "cuframessink", 0, "cuframes sink");
    GObjectClass* object_class = G_OBJECT_CLASS(klass);
    GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
    GstBaseSinkClass* base_class = GST_BASE_SINK_CLASS(klass);

    object_class->finalize = gst_cuframes_sink_finalize;
    cuframes::gst::install_sink_properties(object_class);
    cuframes::gst::install_sink_signals(G_OBJECT_CLASS_TYPE(klass));

    // Frames, and packets of any kind. What is preferred, and what is not taken, depends on what upstream has.
    GstCaps* caps = gst_caps_new_any();
    gst_element_class_add_pad_template(element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
    gst_caps_unref(caps);
    gst_element_class_set_static_metadata(element_class, "Shared frames sink", "Sink/Video",
                                          "Shares raw video frames with other processes of this host, in place, "
                                          "in GPU or host memory, and packets of any kind with those of the past",
                                          "The cuframes authors");
    gst_element_class_add_static_metadata(element_class, GST_ELEMENT_METADATA_ICON_NAME, "video-display");
    element_class->set_context = GST_DEBUG_FUNCPTR(gst_cuframes_sink_set_context);
    element_class->send_event = GST_DEBUG_FUNCPTR(gst_cuframes_sink_send_event);
    element_class->change_state = GST_DEBUG_FUNCPTR(gst_cuframes_sink_change_state);

    base_class->unlock = GST_DEBUG_FUNCPTR(gst_cuframes_sink_unlock);
    base_class->unlock_stop = GST_DEBUG_FUNCPTR(gst_cuframes_sink_unlock_stop);
    base_class->get_caps = GST_DEBUG_FUNCPTR(gst_cuframes_sink_get_caps);
    base_class->set_caps = GST_DEBUG_FUNCPTR(gst_cuframes_sink_set_caps);
    base_class->propose_allocation = GST_DEBUG_FUNCPTR(gst_cuframes_sink_propose_allocation);
    base_class->preroll = GST_DEBUG_FUNCPTR(gst_cuframes_sink_preroll);
    base_class->render = GST_DEBUG_FUNCPTR(gst_cuframes_sink_render);
    base_class->event = GST_DEBUG_FUNCPTR(gst_cuframes_sink_event);
    base_class->query = GST_DEBUG_FUNCPTR(gst_cuframes_sink_query);
}
