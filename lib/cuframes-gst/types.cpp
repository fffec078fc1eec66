// SPDX-License-Identifier: LGPL-2.1-or-later
/// GTypes of the enumerations: for properties, signals and languages that show values by name.
#include "cuframes-gst/cuframes-gst.h"

GType cuframes_gst_error_get_type(void) {
    static const GEnumValue values[] = {
        {CUFRAMES_GST_ERROR_FAILED, "CUFRAMES_GST_ERROR_FAILED", "failed"},
        {CUFRAMES_GST_ERROR_DTYPE, "CUFRAMES_GST_ERROR_DTYPE", "dtype"},
        {CUFRAMES_GST_ERROR_VALUE, "CUFRAMES_GST_ERROR_VALUE", "value"},
        {CUFRAMES_GST_ERROR_REFUSED, "CUFRAMES_GST_ERROR_REFUSED", "refused"},
        {CUFRAMES_GST_ERROR_NO_DEVICE, "CUFRAMES_GST_ERROR_NO_DEVICE", "no-device"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("CuframesGstError", values);
    return type;
}

GType cuframes_gst_view_get_type(void) {
    static const GEnumValue values[] = {
        {CUFRAMES_GST_VIEW_PIXELS, "CUFRAMES_GST_VIEW_PIXELS", "pixels"},
        {CUFRAMES_GST_VIEW_FLAT, "CUFRAMES_GST_VIEW_FLAT", "flat"},
        {CUFRAMES_GST_VIEW_BYTES, "CUFRAMES_GST_VIEW_BYTES", "bytes"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_enum_register_static("CuframesGstView", values);
    return type;
}

GType cuframes_gst_import_flags_get_type(void) {
    static const GFlagsValue values[] = {
        {CUFRAMES_GST_IMPORT_NONE, "CUFRAMES_GST_IMPORT_NONE", "none"},
        {CUFRAMES_GST_IMPORT_COPY, "CUFRAMES_GST_IMPORT_COPY", "copy"},
        {CUFRAMES_GST_IMPORT_NO_COPY, "CUFRAMES_GST_IMPORT_NO_COPY", "no-copy"},
        {CUFRAMES_GST_IMPORT_SYSTEM_MEMORY, "CUFRAMES_GST_IMPORT_SYSTEM_MEMORY", "system-memory"},
        {CUFRAMES_GST_IMPORT_CUDA_MEMORY, "CUFRAMES_GST_IMPORT_CUDA_MEMORY", "cuda-memory"},
        {0, nullptr, nullptr},
    };
    static const GType type = g_flags_register_static("CuframesGstImportFlags", values);
    return type;
}
