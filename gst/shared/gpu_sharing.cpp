// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/gpu_sharing.h"

#include "shared/errors.h"

#include <cuframes/cuframes.h>

namespace cuframes::gst {

bool gpu_can_be_shared(GstElement* element, const std::string& key, int device) {
    const int result = cuframes_cuda_self_test(device < 0 ? 0 : device);
    if (result != CUFRAMES_OK) {
        const std::string kind = GST_OBJECT_NAME(gst_element_get_factory(element));
        post_error(element, result, kind + " key=" + key + ": " + cuframes_last_error_message(),
                   "trying to share GPU memory");
    }
    return result == CUFRAMES_OK;
}

} // namespace cuframes::gst
