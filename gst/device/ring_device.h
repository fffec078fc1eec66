// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cuframes/cuframes.h>
#include <gst/gst.h>

G_BEGIN_DECLS

/// A key that something is shared under, as applications find it that list devices.
#define GST_TYPE_CUFRAMES_DEVICE (gst_cuframes_device_get_type())
G_DECLARE_FINAL_TYPE(GstCuframesDevice, gst_cuframes_device, GST, CUFRAMES_DEVICE, GstDevice)

G_END_DECLS

namespace cuframes::gst {

/// A floating reference. NULL: it is not known yet what the key carries, or we may not read it.
GstDevice* make_device(const cuframes_ring_info& ring);

/// Whether `ring` is what the device was made of.
bool is_device_of(GstDevice* device, const cuframes_ring_info& ring);

} // namespace cuframes::gst
