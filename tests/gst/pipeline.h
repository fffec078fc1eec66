// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "deadline.h"
#include "digest.h"

#include <gst/gst.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cuframes::test {

struct SampleDeleter {
    void operator()(GstSample* sample) const { gst_sample_unref(sample); }
};
using Sample = std::unique_ptr<GstSample, SampleDeleter>;

struct StructureDeleter {
    void operator()(GstStructure* structure) const { gst_structure_free(structure); }
};
using Structure = std::unique_ptr<GstStructure, StructureDeleter>;

/// What ended the wait for a message.
struct BusNews {
    enum Kind { nothing, end_of_stream, error, warning, info, element } kind = nothing;
    std::string text;    ///< Of an error, a warning or an info: the sentence.
    std::string library; ///< Of an error of ours: the name of the library's error.
    Structure structure; ///< Of an element message.
};

/// A pipeline from its description; set to NULL when it goes.
class Pipeline {
public:
    explicit Pipeline(const std::string& description);
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;
    ~Pipeline();

    GstElement* get() const { return pipeline_; }
    /// By name; it has to exist. Borrowed.
    GstElement* element(const std::string& name) const;

    GstStateChangeReturn set_state(GstState state);
    void play() { set_state(GST_STATE_PLAYING); }
    /// Waits until the last state change is done.
    bool settled(GstState state);

    /// The next message of one of `kinds`, a set of bits of GstMessageType.
    BusNews wait_for(int kinds, milliseconds limit = default_limit);
    /// Waits for EOS; what else came first is an error text, else empty.
    std::string run_to_end();
    /// Waits for the message "cuframes-publisher" with that state.
    Structure wait_for_publisher(const std::string& state, milliseconds limit = default_limit);

    /// The next sample of an appsink; none at EOS or when the limit passes.
    Sample pull(const std::string& appsink = "out", milliseconds limit = default_limit);
    /// Digests of all samples until EOS.
    std::vector<std::string> digest_all(const std::string& appsink = "out");

    Structure stats(const std::string& element) const;
    uint64_t stat(const std::string& element, const std::string& field) const;

private:
    GstElement* pipeline_;
};

uint64_t number_in(const GstStructure* structure, const std::string& field);

} // namespace cuframes::test
