// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gpu.h"

#include <cstdlib>

namespace cuframes::test {

StandIn::StandIn(const CudaDriver& driver)
    : stats(reinterpret_cast<decltype(stats)>(driver.extension("fake_cuda_stats"))),
      copies(reinterpret_cast<decltype(copies)>(driver.extension("fake_cuda_copies"))),
      reset_copies(reinterpret_cast<decltype(reset_copies)>(driver.extension("fake_cuda_reset_copies"))) {}

FakeCudaStats StandIn::alive() const {
    FakeCudaStats result = {};
    if (stats) {
        stats(&result);
    }
    return result;
}

FakeCudaCopies StandIn::copied() const {
    FakeCudaCopies result = {};
    if (copies) {
        copies(&result);
    }
    return result;
}

Gate::Gate(const CudaDriver& driver, void* stream, GstCudaContext* context) {
    auto* launch = reinterpret_cast<int (*)(void*, void (*)(void*), void*)>(driver.extension("cuLaunchHostFunc"));
    if (context) {
        gst_cuda_context_push(context);
    }
    driver.check(launch(stream, hold, new std::shared_ptr<State>(state_)), "cuLaunchHostFunc");
    if (context) {
        gst_cuda_context_pop(nullptr);
    }
}

void Gate::hold(void* argument) {
    const std::unique_ptr<std::shared_ptr<State>> owner(static_cast<std::shared_ptr<State>*>(argument));
    State& state = **owner;
    std::unique_lock lock(state.mutex);
    state.changed.wait(lock, [&state] { return state.is_open; });
}

void Gate::open() {
    const std::lock_guard lock(state_->mutex);
    state_->is_open = true;
    state_->changed.notify_all();
}

void CudaTest::SetUp() {
    if (!CudaDriver::get() || !gst_cuda_load_library()) {
        if (std::getenv("CUFRAMES_TEST_REQUIRE_CUDA")) {
            FAIL() << CudaDriver::absence();
        }
        GTEST_SKIP() << "no CUDA here";
    }
    gst_cuda_memory_init_once();
    driver().use_primary_context(0);
    scratch_ = std::make_unique<DeviceBuffer>(driver(), 128);
}

void CudaTest::TearDown() {
    if (!CudaDriver::get()) {
        return;
    }
    scratch_.reset();
    cuframes_gst_drain();
    driver().context_set_current(nullptr);
    driver().primary_release(0);
}

void CudaTest::let_others_work() const {
    const DeviceStream bystander(driver(), cuda_stream_non_blocking);
    driver().check(driver().copy_async(scratch_->address(), scratch_->address() + 64, 64, bystander.get()),
                   "cuMemcpyDtoDAsync");
    bystander.synchronize();
}

CudaContext CudaTest::primary() {
    Failure failure;
    const Context context(cuframes_gst_context_new_primary(0, failure.out()));
    GstCudaContext* found = nullptr;
    if (context) {
        gst_structure_get(gst_context_get_structure(context.get()), GST_CUDA_CONTEXT_TYPE, GST_TYPE_CUDA_CONTEXT,
                          &found, nullptr);
    }
    EXPECT_TRUE(found) << failure.text();
    return CudaContext(found);
}

Pool CudaTest::make_pool(GstCudaContext* context, GstCudaStream* stream, const Caps& caps, guint most) {
    Pool pool(gst_cuda_buffer_pool_new(context));
    GstStructure* config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps.get(), static_cast<guint>(info_of(caps).size), 0, most);
    gst_buffer_pool_config_set_cuda_stream(config, stream);
    EXPECT_TRUE(gst_buffer_pool_set_config(pool.get(), config));
    EXPECT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    return pool;
}

Buffer CudaTest::try_acquire(const Pool& pool) {
    GstBuffer* buffer = nullptr;
    GstBufferPoolAcquireParams now = {};
    now.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;
    gst_buffer_pool_acquire_buffer(pool.get(), &buffer, &now);
    return Buffer(buffer);
}

Buffer CudaTest::acquire(const Pool& pool) {
    GstBuffer* buffer = nullptr;
    EXPECT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
    return Buffer(buffer);
}

void CudaTest::fill(GstBuffer* buffer, guint8 value) const {
    auto* memory = GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer, 0));
    GstMapInfo map;
    ASSERT_TRUE(gst_memory_map(GST_MEMORY_CAST(memory), &map, static_cast<GstMapFlags>(GST_MAP_WRITE | GST_MAP_CUDA)));
    gst_cuda_context_push(memory->context);
    driver().check(driver().fill_async(reinterpret_cast<CudaDevicePointer>(map.data), value, map.size,
                                       gst_cuda_stream_get_handle(gst_cuda_memory_get_stream(memory))),
                   "cuMemsetD8Async");
    gst_cuda_context_pop(nullptr);
    gst_memory_unmap(GST_MEMORY_CAST(memory), &map);
}

void CudaTest::finish(GstBuffer* buffer) {
    gst_cuda_memory_sync(GST_CUDA_MEMORY_CAST(gst_buffer_peek_memory(buffer, 0)));
}

std::vector<guint8> CudaTest::download(CudaDevicePointer from, size_t size) const {
    std::vector<guint8> bytes(size);
    driver().check(driver().copy_to_host(bytes.data(), from, size), "cuMemcpyDtoH");
    return bytes;
}

CudaDevicePointer address_of(GstBuffer* buffer) {
    GstMapInfo map;
    GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
    EXPECT_TRUE(gst_memory_map(memory, &map, static_cast<GstMapFlags>(GST_MAP_READ | GST_MAP_CUDA)));
    const auto address = reinterpret_cast<CudaDevicePointer>(map.data);
    gst_memory_unmap(memory, &map);
    return address;
}

} // namespace cuframes::test
