// SPDX-License-Identifier: LGPL-2.1-or-later
/// The core has the same for its own calls (base/cuda/driver.h), and this is not that one: the plugin asks libcuframes by
/// its C ABI alone, so that it runs with whichever of its soname is installed, whether built with CUDA or not, while what is
/// CUFRAMES_PRIVATE is for one very version. So GStreamer's side finds the few calls of the driver that libgstcuda does not
/// pass on by itself, here and in primary_context.cpp. Scopes of both nest: the mode is the driver's, of each thread.
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
