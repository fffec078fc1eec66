// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst-common/primary_context.h"

#include "gst-common/relaxed_capture.h"

#include <dlfcn.h>

namespace cuframes::gst {
namespace {

/// The two driver calls that libgstcuda does not pass on; relaxed_capture.h says why not by way of the core.
struct PrimaryContextCalls {
    CUresult (*retain)(CUcontext*, CUdevice) = nullptr;
    CUresult (*release)(CUdevice) = nullptr;
};

const PrimaryContextCalls& primary_context_calls() {
    static const PrimaryContextCalls calls = [] {
        PrimaryContextCalls found;
        // Never closed: the driver does not take being unloaded.
        if (void* driver = dlopen("libcuda.so.1", RTLD_NOW)) {
            found.retain = reinterpret_cast<decltype(found.retain)>(dlsym(driver, "cuDevicePrimaryCtxRetain"));
            found.release = reinterpret_cast<decltype(found.release)>(dlsym(driver, "cuDevicePrimaryCtxRelease_v2"));
        }
        return found;
    }();
    return calls;
}

GstCudaContext* wrap_primary_context(int device) {
    const PrimaryContextCalls& calls = primary_context_calls();
    CUdevice handle = 0;
    CUcontext context = nullptr;
    const bool loaded = load_cuda();
    const RelaxedCapture relaxed;
    if (!calls.retain || !calls.release || !loaded || CuInit(0) != CUDA_SUCCESS ||
        CuDeviceGet(&handle, device) != CUDA_SUCCESS || calls.retain(&context, handle) != CUDA_SUCCESS) {
        return nullptr;
    }
    GstCudaContext* made = gst_cuda_context_new_wrapped(context, handle);
    if (!made) {
        calls.release(handle);
        return nullptr;
    }
    // Freed after the object itself, which still uses the context while it goes.
    g_object_set_data_full(G_OBJECT(made), "cuframes-primary", GINT_TO_POINTER(handle + 1), [](gpointer data) {
        const RelaxedCapture last;
        primary_context_calls().release(GPOINTER_TO_INT(data) - 1);
    });
    return made;
}

/// More devices than a host can have.
constexpr int max_devices = 64;

/// Shared between libraries, which may be of different builds: its layout changes only with the name below.
struct Table {
    GMutex lock;
    GWeakRef contexts[max_devices];
};

/// Hangs on an object that a process has one of. Never freed: contexts may be let go by static objects.
Table* shared_table() {
    const GQuark name = g_quark_from_static_string("cuframes-primary-contexts-1");
    GObject* owner = G_OBJECT(gst_registry_get());
    if (auto* existing = static_cast<Table*>(g_object_get_qdata(owner, name))) {
        return existing;
    }
    auto* made = g_new0(Table, 1);
    g_mutex_init(&made->lock);
    for (GWeakRef& context : made->contexts) {
        g_weak_ref_init(&context, nullptr);
    }
    if (g_object_replace_qdata(owner, name, nullptr, made, nullptr, nullptr)) {
        return made;
    }
    // Another thread or library was faster.
    for (GWeakRef& context : made->contexts) {
        g_weak_ref_clear(&context);
    }
    g_mutex_clear(&made->lock);
    g_free(made);
    return static_cast<Table*>(g_object_get_qdata(owner, name));
}

} // namespace

GstCudaContext* primary_context(int device) {
    static Table* const table = shared_table();
    if (device < 0 || device >= max_devices) {
        return nullptr;
    }
    g_mutex_lock(&table->lock);
    GWeakRef* entry = &table->contexts[device];
    auto* context = static_cast<GstCudaContext*>(g_weak_ref_get(entry));
    if (!context) {
        context = wrap_primary_context(device);
        g_weak_ref_set(entry, context);
    }
    g_mutex_unlock(&table->lock);
    return context;
}

} // namespace cuframes::gst
