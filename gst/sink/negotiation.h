// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "shared/settings.h"
#include "sink/publication.h"
#include "sink/settings.h"

#include <memory>

namespace cuframes::gst {

/// What a key carries, which its first caps decide.
enum class Content { undecided, frames, packets };

/// What the sink agrees on with upstream: which caps are taken, and whether they are of frames or of packets. Of frames
/// also the generation of the ring that follows from them, where it lies, and the pool whose buffers are its slots. All
/// but acceptable_caps() is the streaming thread's.
class SinkNegotiation {
public:
    SinkNegotiation(GstBaseSink* sink, const ElementSettings<SinkSettings>& settings, CudaContextHolder& cuda,
                    std::shared_ptr<Publication> publication);
    ~SinkNegotiation();
    SinkNegotiation(const SinkNegotiation&) = delete;
    SinkNegotiation& operator=(const SinkNegotiation&) = delete;

    /// Whether a pad that is to be linked is meant for this sink. Of the decoded pads that come and go with a file's streams
    /// only video's is, unless packets are asked for: a line that decodes and links does so with whichever comes first.
    bool may_be_meant(GstPad* peer) const;
    /// Those that can be taken, of `filter` if it is given: what is preferred comes first.
    GstCaps* acceptable_caps(GstCaps* filter) const;
    /// False: they cannot be taken, and an error was posted.
    bool set_caps(GstCaps* caps);
    bool propose_allocation(GstQuery* query);
    /// Makes sure that the newest generation of the ring is one for the caps. False: it cannot be, and an error was posted.
    bool ensure_generation();
    /// Nothing is agreed on any more.
    void reset();

    bool has_caps() const { return caps_ != nullptr; }
    Content content() const { return content_; }
    const GstVideoInfo& info() const { return info_; }
    /// The one that was ensured last.
    const Generation& generation() const { return *generation_; }

private:
    bool wants_frames_on_gpu(const SinkSettings& settings) const;
    bool may_carry(Content wanted, const GstCaps* caps);
    bool check_packets(const GstCaps* caps);
    bool make_spec(GstCaps* caps, GenerationSpec* spec);
    bool find_gpu(const SinkSettings& settings, bool frames_on_gpu, GenerationSpec* spec);
    GstBufferPool* make_pool(GstCaps* caps, const GenerationSpec& spec, guint* size);

    GstBaseSink* sink_;
    GstElement* element_;
    const ElementSettings<SinkSettings>& settings_;
    CudaContextHolder& cuda_;
    std::shared_ptr<Publication> publication_;
    GstCaps* frame_caps_;
    GstCaps* preferred_packet_caps_;
    GstCaps* caps_ = nullptr;
    Content content_ = Content::undecided;
    GstVideoInfo info_{};
    GenerationSpec default_spec_{}; ///< For frames that come in somebody else's memory.
    bool caps_changed_ = false;
    GenerationPtr generation_;
};

} // namespace cuframes::gst
