// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-cuframessrc
 * @title: cuframessrc
 * @short_description: Reads raw video frames in place, or encoded packets, that another process shares
 * @see_also: cuframessink
 *
 * cuframessrc delivers the frames that a cuframessink, or a program with libcuframes, publishes on this host under the
 * same #GstCuframesSrc:key. Buffers refer to the publisher's frames where they are, in GPU memory or in host memory, and
 * are read-only: an element that writes to them works on a copy.
 *
 * The publisher need not be there yet. The element waits for it, without using the CPU, and answers state changes
 * meanwhile; when a publisher goes and another comes, it goes on with that one, as #GstCuframesSrc:on-gone says. It then
 * renegotiates, sets the DISCONT flag, and posts an element message `cuframes-publisher` with the fields `state`
 * (waiting, attached, ended or gone), `epoch`, `pid` and `key`. EOS is passed on,
 * unless #GstCuframesSrc:on-eos is set to wait.
 *
 * By default frames that are late for this pipeline's sinks are skipped, and all others delivered. With
 * #GstCuframesSrc:mode set to strict every frame is, in order. Both count what is missing in #GstCuframesSrc:stats.
 *
 * A buffer occupies a slot of the publisher's ring until it is freed. By default the ring grows with what the elements
 * downstream keep; #GstCuframesSrc:max-held sets a limit. What is beyond, or what the ring cannot spare, is copied, so that
 * the pipeline goes on; a warning says so once, and what would avoid it. See #GstCuframesSrc:on-exhausted.
 *
 * Timestamps are the time of capture as this pipeline's running time, and rise from the first buffer on. The latency that
 * is reported is what the publisher tells; where it tells nothing it is how late frames become visible, as measured.
 *
 * With #GstCuframesSrc:memory set to system, frames in GPU memory are downloaded here, once. Frames in host memory are
 * not uploaded: put cudaupload behind the element.
 *
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
 * ## Packets
 *
 * A key that carries packets, as an encoder or a camera makes them, is read by the same element: its source pad has the
 * caps that they were published with, codec data included, and changes them where the publisher did, in the past too. The
 * publisher keeps the packets of the last seconds, and #GstCuframesSrc:start says where in them to begin. What the
 * past is for says #GstCuframesSrc:join. To show a camera at once, decode from its last keyframe, and see nothing older
 * than the moment:
 * |[
 * gst-launch-1.0 cuframessrc key=cam-gate.h264 start=keyframe ! h264parse ! avdec_h264 ! videoconvert ! autovideosink
 * ]|
 * To record an event and the ten seconds before it:
 * |[
 * gst-launch-1.0 -e cuframessrc key=cam-gate.h264 start=preroll preroll=10000 join=record ! h264parse ! mp4mux ! \
 *     filesink location=event.mp4
 * ]|
 * How much of the past there was is in #GstCuframesSrc:preroll-given; an element message `cuframes-preroll` with the fields
 * `asked`, `given` (both in milliseconds) and `key` tells when that is less than was asked for.
 *
 * Since: 0.1
 */
#include "src/cuframessrc.h"

#include "shared/uri.h"
#include "src/properties.h"
#include "src/state.h"

GST_DEBUG_CATEGORY(gst_cuframes_src_debug);
#define GST_CAT_DEFAULT gst_cuframes_src_debug

using cuframes::gst::SrcState;

G_DEFINE_FINAL_TYPE_WITH_CODE(GstCuframesSrc, gst_cuframes_src, GST_TYPE_PUSH_SRC,
                              G_IMPLEMENT_INTERFACE(GST_TYPE_URI_HANDLER, cuframes::gst::init_source_uri_handler))
GST_ELEMENT_REGISTER_DEFINE(cuframessrc, "cuframessrc", GST_RANK_NONE, GST_TYPE_CUFRAMES_SRC)

static SrcState& state_of(gpointer object) { return *GST_CUFRAMES_SRC(object)->state; }

static gboolean gst_cuframes_src_start(GstBaseSrc* base) { return state_of(base).start(); }

static gboolean gst_cuframes_src_stop(GstBaseSrc* base) {
    state_of(base).stop();
    return TRUE;
}

static gboolean gst_cuframes_src_unlock(GstBaseSrc* base) {
    state_of(base).set_interrupted(true);
    return TRUE;
}

static gboolean gst_cuframes_src_unlock_stop(GstBaseSrc* base) {
    state_of(base).set_interrupted(false);
    return TRUE;
}

static gboolean gst_cuframes_src_is_seekable(GstBaseSrc*) { return FALSE; }

static gboolean gst_cuframes_src_negotiate(GstBaseSrc* base) { return state_of(base).reader().negotiate(); }

static gboolean gst_cuframes_src_decide_allocation(GstBaseSrc* base, GstQuery* query) {
    return state_of(base).reader().decide_allocation(query);
}

static GstCaps* gst_cuframes_src_get_caps(GstBaseSrc* base, GstCaps* filter) {
    // Never waits for a publisher: until its first frame, anything may come.
    GstCaps* caps = state_of(base).reader().caps();
    if (!caps) {
        caps = gst_pad_get_pad_template_caps(GST_BASE_SRC_PAD(base));
    }
    if (!filter) {
        return caps;
    }
    GstCaps* filtered = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(caps);
    return filtered;
}

static gboolean gst_cuframes_src_query(GstBaseSrc* base, GstQuery* query) {
    switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY:
        // No upper limit: a frame stays valid for as long as it is held.
        gst_query_set_latency(query, TRUE, state_of(base).latency(), GST_CLOCK_TIME_NONE);
        return TRUE;
    case GST_QUERY_CONTEXT:
        if (state_of(base).cuda().answer(query)) {
            return TRUE;
        }
        break;
    default:
        break;
    }
    return GST_BASE_SRC_CLASS(gst_cuframes_src_parent_class)->query(base, query);
}

static gboolean gst_cuframes_src_event(GstBaseSrc* base, GstEvent* event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_LATENCY) {
        GstClockTime latency = 0;
        gst_event_parse_latency(event, &latency);
        state_of(base).set_pipeline_latency(latency);
    }
    return GST_BASE_SRC_CLASS(gst_cuframes_src_parent_class)->event(base, event);
}

static gboolean gst_cuframes_src_send_event(GstElement* element, GstEvent* event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) {
        state_of(element).restart_time();
    }
    return GST_ELEMENT_CLASS(gst_cuframes_src_parent_class)->send_event(element, event);
}

static GstFlowReturn gst_cuframes_src_create(GstPushSrc* push, GstBuffer** buffer) {
    return state_of(push).create(buffer);
}

static void gst_cuframes_src_set_context(GstElement* element, GstContext* context) {
    state_of(element).cuda().offer(context);
    GST_ELEMENT_CLASS(gst_cuframes_src_parent_class)->set_context(element, context);
}

static GstStateChangeReturn gst_cuframes_src_change_state(GstElement* element, GstStateChange transition) {
    if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING) {
        state_of(element).play();
    } else if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED) {
        state_of(element).pause();
    }
    const GstStateChangeReturn result =
        GST_ELEMENT_CLASS(gst_cuframes_src_parent_class)->change_state(element, transition);
    if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
        state_of(element).cuda().clear();
    }
    return result;
}

static void gst_cuframes_src_init(GstCuframesSrc* self) {
    self->state = new SrcState(GST_BASE_SRC(self));
    gst_base_src_set_live(GST_BASE_SRC(self), TRUE);
    gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
}

static void gst_cuframes_src_finalize(GObject* object) {
    delete GST_CUFRAMES_SRC(object)->state;
    G_OBJECT_CLASS(gst_cuframes_src_parent_class)->finalize(object);
}

static void gst_cuframes_src_class_init(GstCuframesSrcClass* klass) {
    GST_DEBUG_CATEGORY_INIT(gst_cuframes_src_debug, "cuframessrc", 0, "cuframes source");
    GObjectClass* object_class = G_OBJECT_CLASS(klass);
    GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
    GstBaseSrcClass* base_class = GST_BASE_SRC_CLASS(klass);

    object_class->finalize = gst_cuframes_src_finalize;
    cuframes::gst::install_src_properties(object_class);

    // Packets may be of any type, and so frames need no mention.
    GstCaps* caps = gst_caps_new_any();
    gst_element_class_add_pad_template(element_class, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
    gst_caps_unref(caps);
    gst_element_class_set_static_metadata(element_class, "Shared frames source", "Source/Video",
                                          "Reads raw video frames that another process of this host shares, in place, "
                                          "in GPU or host memory, or encoded packets with their past",
                                          "The cuframes authors");
    gst_element_class_add_static_metadata(element_class, GST_ELEMENT_METADATA_ICON_NAME, "camera-video");
    element_class->set_context = GST_DEBUG_FUNCPTR(gst_cuframes_src_set_context);
    element_class->send_event = GST_DEBUG_FUNCPTR(gst_cuframes_src_send_event);
    element_class->change_state = GST_DEBUG_FUNCPTR(gst_cuframes_src_change_state);

    base_class->start = GST_DEBUG_FUNCPTR(gst_cuframes_src_start);
    base_class->stop = GST_DEBUG_FUNCPTR(gst_cuframes_src_stop);
    base_class->unlock = GST_DEBUG_FUNCPTR(gst_cuframes_src_unlock);
    base_class->unlock_stop = GST_DEBUG_FUNCPTR(gst_cuframes_src_unlock_stop);
    base_class->is_seekable = GST_DEBUG_FUNCPTR(gst_cuframes_src_is_seekable);
    base_class->negotiate = GST_DEBUG_FUNCPTR(gst_cuframes_src_negotiate);
    base_class->decide_allocation = GST_DEBUG_FUNCPTR(gst_cuframes_src_decide_allocation);
    base_class->get_caps = GST_DEBUG_FUNCPTR(gst_cuframes_src_get_caps);
    base_class->event = GST_DEBUG_FUNCPTR(gst_cuframes_src_event);
    base_class->query = GST_DEBUG_FUNCPTR(gst_cuframes_src_query);
    GST_PUSH_SRC_CLASS(klass)->create = GST_DEBUG_FUNCPTR(gst_cuframes_src_create);
}
