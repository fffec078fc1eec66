// SPDX-License-Identifier: LGPL-2.1-or-later
#include "shared/cuda_context.h"

#include "gst-common/primary_context.h"
#include "gst-common/relaxed_capture.h"

#include <gst/cuda/gstcuda.h>

#include <utility>

namespace cuframes::gst {
namespace {

class CudaMemoryBook : public MemoryBook {
public:
    CudaMemoryBook(MemoryRecord::Release release, const CudaHandles& cuda, const GstVideoInfo& info, bool read_only)
        : MemoryBook(release), cuda_(cuda), info_(info), read_only_(read_only) {}

protected:
    GstMemory* wrap(void* data, MemoryRecord* record) override {
        const RelaxedCapture relaxed;
        gst_cuda_memory_init_once();
        return gst_cuda_allocator_alloc_wrapped(nullptr, cuda_.context(), cuda_.stream(), &info_,
                                                reinterpret_cast<CUdeviceptr>(data), record,
                                                [](gpointer kept) { delete static_cast<MemoryRecord*>(kept); });
    }

    void prepare(GstMemory* memory) override {
        memory->offset = 0;
        memory->size = memory->maxsize;
        // The pixels are new: a copy in host memory from the slot's last frame must not pass for them.
        GST_MINI_OBJECT_FLAG_SET(memory, GST_CUDA_MEMORY_TRANSFER_NEED_DOWNLOAD);
        GST_MEMORY_FLAG_UNSET(memory, GST_CUDA_MEMORY_TRANSFER_NEED_UPLOAD);
        GST_MEMORY_FLAG_UNSET(memory, GST_CUDA_MEMORY_TRANSFER_NEED_SYNC);
        if (read_only_) {
            GST_MINI_OBJECT_FLAG_SET(memory, GST_MEMORY_FLAG_READONLY);
        } else {
            GST_MEMORY_FLAG_UNSET(memory, GST_MEMORY_FLAG_READONLY);
        }
    }

private:
    CudaHandles cuda_;
    GstVideoInfo info_;
    bool read_only_;
};

} // namespace

CudaHandles::CudaHandles(GstCudaContext* context) : context_(GST_CUDA_CONTEXT(gst_object_ref(context))) {
    const RelaxedCapture relaxed;
    stream_ = gst_cuda_stream_new(context);
}

CudaHandles::CudaHandles(const CudaHandles& other) : context_(other.context_), stream_(other.stream_) {
    if (context_) {
        gst_object_ref(context_);
    }
    if (stream_) {
        gst_cuda_stream_ref(stream_);
    }
}

CudaHandles& CudaHandles::operator=(CudaHandles other) noexcept {
    std::swap(context_, other.context_);
    std::swap(stream_, other.stream_);
    return *this;
}

CudaHandles::~CudaHandles() {
    const RelaxedCapture relaxed;
    gst_clear_cuda_stream(&stream_);
    gst_clear_object(&context_);
}

CudaHandles CudaHandles::with_stream_of(const GstStructure* pool_config) const {
    CudaHandles result = *this;
    GstCudaStream* stream = gst_buffer_pool_config_get_cuda_stream(const_cast<GstStructure*>(pool_config));
    if (stream && stream->context == context_) {
        std::swap(result.stream_, stream);
    }
    gst_clear_cuda_stream(&stream);
    return result;
}

void* CudaHandles::context_handle() const { return context_ ? gst_cuda_context_get_handle(context_) : nullptr; }

int CudaHandles::device() const {
    guint device = 0;
    if (!context_) {
        return -1;
    }
    g_object_get(context_, "cuda-device-id", &device, nullptr);
    return static_cast<int>(device);
}

void CudaContextHolder::set_device(int device) {
    const std::lock_guard lock(mutex_);
    device_ = device;
}

void CudaContextHolder::clear() {
    const std::lock_guard lock(mutex_);
    handles_ = CudaHandles();
}

CudaHandles CudaContextHolder::current() const {
    const std::lock_guard lock(mutex_);
    return handles_;
}

bool CudaContextHolder::suits(const CudaHandles& handles, int device) const {
    return handles && (device < 0 || handles.device() == device);
}

void CudaContextHolder::offer(GstContext* context) {
    const std::lock_guard lock(mutex_);
    GstCudaContext* offered = nullptr;
    if (handles_ || !load_cuda()) {
        return;
    }
    const RelaxedCapture relaxed;
    if (gst_cuda_handle_set_context(element_, context, device_, &offered) && offered) {
        handles_ = CudaHandles(offered);
        gst_object_unref(offered);
    }
}

bool CudaContextHolder::ask_peer(GstPad* pad, GstQuery* query) {
    GstContext* found = nullptr;
    if (gst_pad_peer_query(pad, query)) {
        gst_query_parse_context(query, &found);
    }
    return found != nullptr;
}

void CudaContextHolder::ask_neighbours() {
    GstQuery* query = gst_query_new_context(GST_CUDA_CONTEXT_TYPE);
    gst_element_foreach_pad(
        element_,
        [](GstElement*, GstPad* pad, gpointer data) -> gboolean {
            return !ask_peer(pad, static_cast<GstQuery*>(data));
        },
        query);
    GstContext* found = nullptr;
    gst_query_parse_context(query, &found);
    if (found) {
        gst_element_set_context(element_, found); // which comes back through offer()
    }
    gst_query_unref(query);
}

CudaHandles CudaContextHolder::follow(GstPad* pad) {
    GstQuery* query = gst_query_new_context(GST_CUDA_CONTEXT_TYPE);
    GstContext* found = nullptr;
    GstCudaContext* theirs = nullptr;
    if (ask_peer(pad, query)) {
        gst_query_parse_context(query, &found);
    }
    // Any device: if it is not the one that was asked for, the caller says so better than silence would.
    const bool loaded = found && load_cuda();
    const RelaxedCapture relaxed;
    if (loaded && gst_cuda_handle_set_context(element_, found, -1, &theirs) && theirs) {
        const std::lock_guard lock(mutex_);
        if (handles_.context() != theirs) {
            handles_ = CudaHandles(theirs);
        }
        gst_object_unref(theirs);
    }
    gst_query_unref(query);
    return current();
}

void CudaContextHolder::ask_application() {
    gst_element_post_message(element_, gst_message_new_need_context(GST_OBJECT_CAST(element_), GST_CUDA_CONTEXT_TYPE));
}

void CudaContextHolder::make_primary(int device) {
    GstCudaContext* made = primary_context(device < 0 ? 0 : device);
    if (!made) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        handles_ = CudaHandles(made);
    }
    GstContext* context = gst_context_new_cuda_context(made);
    gst_element_post_message(element_, gst_message_new_have_context(GST_OBJECT_CAST(element_), context));
    gst_object_unref(made);
}

CudaHandles CudaContextHolder::ensure(int device, bool may_ask_neighbours) {
    if (CudaHandles now = current(); suits(now, device)) {
        return now;
    }
    if (!load_cuda()) {
        return {};
    }
    const RelaxedCapture relaxed;
    clear();
    set_device(device);
    if (may_ask_neighbours) {
        ask_neighbours();
    }
    if (!current()) {
        ask_application();
    }
    if (!suits(current(), device)) {
        make_primary(device);
    }
    const CudaHandles now = current();
    return suits(now, device) ? now : CudaHandles();
}

bool CudaContextHolder::answer(GstQuery* query) {
    const gchar* type = nullptr;
    gst_query_parse_context_type(query, &type);
    if (g_strcmp0(type, GST_CUDA_CONTEXT_TYPE) != 0) {
        return false;
    }
    int device;
    {
        const std::lock_guard lock(mutex_);
        device = device_;
    }
    // The neighbours are not asked: one of them is asking us.
    const CudaHandles handles = ensure(device, false);
    return handles && gst_cuda_handle_context_query(element_, query, handles.context());
}

std::shared_ptr<MemoryBook> make_cuda_memory_book(MemoryRecord::Release release, const CudaHandles& cuda,
                                                  const GstVideoInfo& info, bool read_only) {
    return std::make_shared<CudaMemoryBook>(release, cuda, info, read_only);
}

void set_pool_stream(GstStructure* config, const CudaHandles& cuda) {
    if (cuda.stream()) {
        gst_buffer_pool_config_set_cuda_stream(config, cuda.stream());
    }
}

void mark_copy_under_way(GstBuffer* buffer) {
    for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
        GST_MINI_OBJECT_FLAG_SET(gst_buffer_peek_memory(buffer, i), GST_CUDA_MEMORY_TRANSFER_NEED_SYNC);
    }
}

bool is_cuda_caps(const GstCaps* caps) {
    const GstCapsFeatures* features = gst_caps_get_features(caps, 0);
    return features && gst_caps_features_contains(features, CUFRAMES_GST_CUDA_MEMORY_FEATURE);
}

std::optional<CudaMemoryView> view_cuda_memory(GstMemory* memory) {
    if (!gst_is_cuda_memory(memory)) {
        return std::nullopt;
    }
    auto* cuda = GST_CUDA_MEMORY_CAST(memory);
    GstCudaStream* stream = gst_cuda_memory_get_stream(cuda);
    return CudaMemoryView{cuda->context,
                          {.stream = stream ? gst_cuda_stream_get_handle(stream) : nullptr,
                           .context = gst_cuda_context_get_handle(cuda->context)}};
}

GstMapFlags read_flags(bool on_gpu) {
    return static_cast<GstMapFlags>(on_gpu ? GST_MAP_READ | GST_MAP_CUDA : GST_MAP_READ);
}

GstMapFlags write_flags(bool on_gpu) {
    return static_cast<GstMapFlags>(on_gpu ? GST_MAP_WRITE | GST_MAP_CUDA : GST_MAP_WRITE);
}

cuframes_cuda_stream CudaHandles::stream_handle() const {
    return {stream_ ? gst_cuda_stream_get_handle(stream_) : nullptr, context_handle()};
}

MemoryRecord* record_in_cuda_memory(GstMemory* memory) {
    return gst_is_cuda_memory(memory)
               ? static_cast<MemoryRecord*>(gst_cuda_memory_get_user_data(GST_CUDA_MEMORY_CAST(memory)))
               : nullptr;
}

bool built_with_cuda() { return true; }
bool cuda_is_usable() { return load_cuda(); }

} // namespace cuframes::gst
