// SPDX-License-Identifier: LGPL-2.1-or-later
#include "device.h"

using namespace cuframes;
using namespace cuframes::gst;

GstContext* cuframes_gst_context_new_primary(gint device, GError** error) {
    return guarded(error, [&] { return new_primary_context(device, error); });
}

gboolean cuframes_gst_pipeline_use_primary_context(GstElement* pipeline, gint device, GError** error) {
    g_return_val_if_fail(GST_IS_ELEMENT(pipeline), FALSE);
    GstContext* context = cuframes_gst_context_new_primary(device, error);
    if (!context) {
        return FALSE;
    }
    gst_element_set_context(pipeline, context);
    gst_context_unref(context);
    return TRUE;
}

void cuframes_gst_drain(void) {
    forget_streams();
    // Twice: what the first round ends may hand in the memory of its copies.
    tensors::drain_reaper();
    tensors::drain_reaper();
}
