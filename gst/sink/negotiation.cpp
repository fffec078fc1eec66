// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sink/negotiation.h"

#include "shared/errors.h"
#include "shared/template_caps.h"
#include "sink/packet_caps.h"
#include "sink/slot_pool.h"

GST_DEBUG_CATEGORY_EXTERN(gst_cuframes_sink_debug);
#define GST_CAT_DEFAULT gst_cuframes_sink_debug

namespace cuframes::gst {
namespace {

/// Whether an element that can put its frames in either kind of memory is there for GPU memory.
bool lists_gpu_memory_first(const GstCaps* offered) {
    return !gst_caps_is_any(offered) && !gst_caps_is_empty(offered) && is_cuda_caps(offered);
}

/// What both have, in the order of `filter` first. Takes `caps`.
GstCaps* intersect(GstCaps* filter, GstCaps* caps) {
    GstCaps* both = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(caps);
    return both;
}

/// Whether a pad is one of those that an element adds for each stream that it finds. Bins add ghosts of them that are of no
/// template, beside templates that say so.
bool comes_with_a_stream(GstPad* pad) {
    if (const GstPadTemplate* form = GST_PAD_PAD_TEMPLATE(pad)) {
        return GST_PAD_TEMPLATE_PRESENCE(form) == GST_PAD_SOMETIMES;
    }
    GstElement* owner = gst_pad_get_parent_element(pad);
    if (!owner) {
        return false;
    }
    bool found = false;
    const GList* forms = gst_element_class_get_pad_template_list(GST_ELEMENT_GET_CLASS(owner));
    for (const GList* link = forms; link && !found; link = link->next) {
        const auto* form = static_cast<const GstPadTemplate*>(link->data);
        found = GST_PAD_TEMPLATE_DIRECTION(form) == GST_PAD_SRC && GST_PAD_TEMPLATE_PRESENCE(form) == GST_PAD_SOMETIMES;
    }
    gst_object_unref(owner);
    return found;
}

} // namespace

SinkNegotiation::SinkNegotiation(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings,
                                 CudaContextHolder& cuda, std::shared_ptr<Publication> publication)
    : sink_(sink),
      element_(GST_ELEMENT_CAST(sink)),
      settings_(settings),
      cuda_(cuda),
      publication_(std::move(publication)),
      frame_caps_(template_caps(true)),
      preferred_packet_caps_(preferred_packet_caps()) {}

SinkNegotiation::~SinkNegotiation() {
    reset();
    gst_caps_unref(frame_caps_);
    gst_caps_unref(preferred_packet_caps_);
}

void SinkNegotiation::reset() {
    content_ = Content::undecided;
    generation_.reset();
    default_spec_ = {};
    gst_clear_caps(&caps_);
}

bool SinkNegotiation::find_gpu(const SinkSettings& settings, bool frames_on_gpu, GenerationSpec* spec) {
    spec->cuda_device = settings.cuda_device;
    if (!frames_on_gpu) {
        return true; // the library brings its own context to upload with
    }
    CudaHandles handles = cuda_.follow(GST_BASE_SINK_PAD(sink_));
    if (!handles) {
        handles = cuda_.ensure(settings.cuda_device, true);
    }
    if (!handles) {
        const int result = cuframes_cuda_self_test(settings.cuda_device < 0 ? 0 : settings.cuda_device);
        post_error(element_, result == CUFRAMES_OK ? CUFRAMES_ERROR_CUDA : result,
                   "cuframessink key=" + settings.key + ": no CUDA context for the frames could be had: " +
                       (result == CUFRAMES_OK ? "GStreamer's CUDA library refused" : cuframes_last_error_message()),
                   "finding the GPU");
        return false;
    }
    if (settings.cuda_device >= 0 && handles.device() != settings.cuda_device) {
        post_error(element_, CUFRAMES_ERROR_DEVICE_MISMATCH,
                   "cuframessink key=" + settings.key + ": the frames are on GPU " + std::to_string(handles.device()) +
                       ", but cuda-device-id=" + std::to_string(settings.cuda_device) +
                       "; set it to that GPU or to -1, or decode on the other one",
                   "checking the GPU");
        return false;
    }
    spec->cuda = handles;
    spec->cuda_device = handles.device();
    return true;
}

bool SinkNegotiation::make_spec(GstCaps* caps, GenerationSpec* spec) {
    const SinkSettings settings = settings_.copy();
    const bool frames_on_gpu = is_cuda_caps(caps);
    GstVideoInfo info;
    if (!gst_video_info_from_caps(&info, caps)) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings.key + ": these caps are not raw video with a format and a size",
                   "reading the caps");
        return false;
    }
    const bool ring_on_gpu =
        settings.memory == GST_CUFRAMES_MEMORY_CUDA || (settings.memory == GST_CUFRAMES_MEMORY_AUTO && frames_on_gpu);
    const LayoutResult result = ring_on_gpu ? cuda_layout(info) : host_layout(info);
    if (!result.layout) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings.key + ": these frames cannot be held: " + result.why,
                   "laying out the frames");
        return false;
    }
    spec->caps = caps;
    spec->layout = *result.layout;
    spec->memory = ring_on_gpu ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
    return !ring_on_gpu || find_gpu(settings, frames_on_gpu, spec);
}

/// cudaupload passes frames through where they are if both kinds are taken. Whoever writes it wants them on the GPU.
bool SinkNegotiation::wants_frames_on_gpu(const SinkSettings& settings) const {
    GstPad* peer = gst_pad_get_peer(GST_BASE_SINK_PAD(sink_));
    if (!peer) {
        return false;
    }
    GstCaps* offered = gst_pad_get_pad_template_caps(peer);
    gst_object_unref(peer);
    const bool gpu_first = settings.memory != GST_CUFRAMES_MEMORY_SYSTEM && lists_gpu_memory_first(offered);
    gst_caps_unref(offered);
    return gpu_first && cuda_is_usable();
}

bool SinkNegotiation::may_be_meant(GstPad* peer) const {
    if (settings_.copy().content == CUFRAMES_CONTENT_PACKETS || !comes_with_a_stream(peer)) {
        return true;
    }
    GstCaps* offered = gst_pad_query_caps(peer, nullptr);
    const bool meant = !is_raw_but_video(offered);
    gst_caps_unref(offered);
    return meant;
}

GstCaps* SinkNegotiation::acceptable_caps(GstCaps* filter) const {
    const SinkSettings settings = settings_.copy();
    const bool all = !filter || gst_caps_is_any(filter);
    if (settings.content != CUFRAMES_CONTENT_PACKETS && wants_frames_on_gpu(settings)) {
        GstCaps* on_gpu = gst_caps_copy_nth(frame_caps_, 0);
        return all ? on_gpu : intersect(filter, on_gpu);
    }
    if (settings.content == CUFRAMES_CONTENT_FRAMES) {
        return all ? gst_caps_ref(frame_caps_) : intersect(filter, gst_caps_ref(frame_caps_));
    }
    if (all) {
        return gst_caps_new_any(); // only of what there is can be said what is preferred
    }
    // With content=packets frames are refused in words, by set_caps().
    GstCaps* preferred = gst_caps_merge(gst_caps_ref(frame_caps_), gst_caps_ref(preferred_packet_caps_));
    return gst_caps_merge(intersect(filter, preferred), packets_among(filter));
}

bool SinkNegotiation::may_carry(Content wanted, const GstCaps* caps) {
    const SinkSettings settings = settings_.copy();
    const bool as_set = wanted != Content::frames || settings.content != CUFRAMES_CONTENT_PACKETS;
    if (as_set && (content_ == Content::undecided || content_ == wanted)) {
        return true;
    }
    const std::string said = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    const std::string problem = !as_set ? said + " is frames, and content=packets is set"
                                        : said +
                                              (wanted == Content::frames ? " comes after packets, and is frames"
                                                                         : " comes after frames, and is packets") +
                                              "; a key carries one or the other until its sink is set to READY";
    post_error(element_, CUFRAMES_ERROR_INVALID_STATE,
               "cuframessink key=" + settings.key + ": " + problem + ". Give each a cuframessink and a key of its own",
               "reading the caps");
    return false;
}

bool SinkNegotiation::check_packets(const GstCaps* caps) {
    const std::string problem = why_not_whole(caps);
    if (!problem.empty()) {
        post_error(element_, CUFRAMES_ERROR_INVALID_ARGUMENT,
                   "cuframessink key=" + settings_.copy().key + ": " + problem, "reading the caps");
    }
    return problem.empty();
}

bool SinkNegotiation::set_caps(GstCaps* caps) {
    const Content wanted = are_packets(caps) ? Content::packets : Content::frames;
    GenerationSpec spec;
    if (!may_carry(wanted, caps) || !(wanted == Content::packets ? check_packets(caps) : make_spec(caps, &spec))) {
        return false;
    }
    content_ = wanted;
    gst_caps_replace(&caps_, caps);
    if (content_ == Content::frames) {
        spec.caps = caps_;
        default_spec_ = std::move(spec);
        gst_video_info_from_caps(&info_, caps);
        caps_changed_ = true;
    }
    return true;
}

GstBufferPool* SinkNegotiation::make_pool(GstCaps* caps, const GenerationSpec& spec, guint* size) {
    GstBufferPool* pool =
        spec.cuda ? new_cuda_slot_pool(publication_, element_, spec) : new_host_slot_pool(publication_, element_, spec);
    GstStructure* config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, *size, 0, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    set_pool_stream(config, spec.cuda);
    if (!gst_buffer_pool_set_config(pool, config)) {
        gst_object_unref(pool);
        return nullptr;
    }
    config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_get_params(config, nullptr, size, nullptr, nullptr);
    gst_structure_free(config);
    return pool;
}

bool SinkNegotiation::propose_allocation(GstQuery* query) {
    GstCaps* caps = nullptr;
    gboolean need_pool = FALSE;
    gst_query_parse_allocation(query, &caps, &need_pool);
    if (!caps || are_packets(caps) || settings_.copy().content == CUFRAMES_CONTENT_PACKETS) {
        return false; // packets are copied into the log, from wherever they are
    }
    GenerationSpec spec;
    if (!make_spec(caps, &spec)) {
        return false;
    }
    // In host memory the ring has GStreamer's default layout, and GstVideoMeta is not offered: see docs/decisions/0010.
    if (spec.memory == CUFRAMES_MEMORY_CUDA) {
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    }
    // Frames that have to cross between host and GPU memory anyway gain nothing from our pool.
    if ((spec.memory == CUFRAMES_MEMORY_CUDA) != is_cuda_caps(caps)) {
        return true;
    }
    guint size = static_cast<guint>(spec.layout.info.size);
    GstBufferPool* pool = need_pool ? make_pool(caps, spec, &size) : nullptr;
    // No upper limit, which some decoders insist on: past the last free slot the pool gives ordinary memory.
    gst_query_add_allocation_pool(query, pool, size, 0, 0);
    if (pool) {
        gst_object_unref(pool);
    }
    return true;
}

bool SinkNegotiation::ensure_generation() {
    GenerationPtr newest = publication_->newest();
    if (newest && newest == generation_ && !caps_changed_) {
        return true;
    }
    // A pool has started one for these caps, in a layout that upstream chose; or nobody has.
    const bool fits =
        newest && newest->spec.memory == default_spec_.memory && gst_caps_is_equal(newest->spec.caps, caps_);
    if (!fits) {
        const int result = publication_->configure(default_spec_, &newest);
        if (result != CUFRAMES_OK) {
            post_library_error(element_, result, "making the ring");
            return false;
        }
    }
    generation_ = std::move(newest);
    caps_changed_ = false;
    return true;
}

} // namespace cuframes::gst
