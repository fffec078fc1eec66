// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace cuframes::gst {

/// While one lives, what the calling thread has GStreamer do with a GPU breaks no CUDA graph that somebody in the process
/// captures: to allocate, to map or to free memory would. Nested ones do nothing. What the library does it sees to itself.
class RelaxedCapture {
public:
    RelaxedCapture() { enter(); }
    RelaxedCapture(const RelaxedCapture&) = delete;
    RelaxedCapture& operator=(const RelaxedCapture&) = delete;
    ~RelaxedCapture() { leave(); }

private:
    static void enter();
    static void leave();
};

/// gst_cuda_load_library(), which has to come first: before, there is no driver to ask.
bool load_cuda();

} // namespace cuframes::gst
