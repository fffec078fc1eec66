// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_CUFRAMES_SRC (gst_cuframes_src_get_type())
G_DECLARE_FINAL_TYPE(GstCuframesSrc, gst_cuframes_src, GST, CUFRAMES_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE(cuframessrc)

G_END_DECLS

namespace cuframes::gst {
class SrcState;
}

struct _GstCuframesSrc {
    GstPushSrc parent;
    cuframes::gst::SrcState* state;
};
