// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// What bench-publisher and bench-reader share. The two know nothing of cuframes: the element between them is an
/// argument, so that every way of carrying frames between processes is measured by the same code.
namespace bench {

struct GstUnref {
    void operator()(gpointer object) const { gst_object_unref(object); }
};
template <typename T>
using GstPtr = std::unique_ptr<T, GstUnref>;

struct CapsUnref {
    void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
};
using CapsPtr = std::unique_ptr<GstCaps, CapsUnref>;

/// CLOCK_MONOTONIC, the one clock that publisher and reader have in common.
int64_t now_ns();

/// Processor time that this process has used, in user and kernel mode, all threads.
int64_t cpu_ns();

/// The number that a frame carries in its pixels: what part of the run it belongs to, and its place in that part.
enum class Part : uint32_t { Measured = 0, WarmUp = 1, End = 2 };

constexpr uint32_t index_bits = 30;

constexpr uint32_t frame_number(Part part, uint32_t index) {
    return static_cast<uint32_t>(part) << index_bits | (index & ((1U << index_bits) - 1));
}
constexpr Part part_of(uint32_t number) { return static_cast<Part>(number >> index_bits); }
constexpr uint32_t index_of(uint32_t number) { return number & ((1U << index_bits) - 1); }

/// Commands that the driver script writes to stdin, one letter each.
enum class Command { None, Go, Quit };

/// Looks for a command without waiting. A closed stdin means Quit: no program outlives its driver.
Command poll_command();

/// One line of JSON on stdout, flushed. `fields` is the inside of the object.
void report(std::string_view event, std::string_view fields = "");

/// `"name":[1,2,3]`
std::string json_array(std::string_view name, const std::vector<int64_t>& values);

/// `"namespaces":["pid:[…]",…]`: which namespaces this process lives in, so that a driver can see that two differ.
std::string json_namespaces();

/// Parses `description` as one element, in a pipeline of its own. Prints why and returns null on failure.
GstPtr<GstElement> make_pipeline(const std::string& description, GstElement** element);

/// Prints the pipeline's error message if there is one; true if there was.
bool report_error(GstElement* pipeline);

} // namespace bench
