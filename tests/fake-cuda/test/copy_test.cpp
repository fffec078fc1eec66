// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <sys/mman.h>

#include <array>

namespace fake_cuda_test {
namespace {

using Copies = WithContext;

CUDA_MEMCPY2D host_to_device(const void* from, size_t from_pitch, CUdeviceptr to, size_t to_pitch, size_t width,
                             size_t height) {
    CUDA_MEMCPY2D copy = {};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = from;
    copy.srcPitch = from_pitch;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = to;
    copy.dstPitch = to_pitch;
    copy.WidthInBytes = width;
    copy.Height = height;
    return copy;
}

TEST_F(Copies, a_two_dimensional_copy_keeps_to_its_rows) {
    const std::array<unsigned char, 12> source = {1, 2, 3, 99, 4, 5, 6, 99, 7, 8, 9, 99};
    CUdeviceptr memory = 0;
    size_t pitch = 0;
    OK(cuMemAllocPitch(&memory, &pitch, 4, 3, 16));
    EXPECT_EQ(pitch % 512, 0U);
    const auto copy = host_to_device(source.data(), 4, memory, pitch, 3, 3);
    OK(cuMemcpy2D(&copy));
    for (size_t row = 0; row < 3; ++row) {
        for (size_t column = 0; column < 3; ++column) {
            EXPECT_EQ(peek(memory + row * pitch + column), source[row * 4 + column]);
        }
        EXPECT_EQ(peek(memory + row * pitch + 3), 0) << "padding is not touched";
    }
    OK(cuMemFree(memory));
}

TEST_F(Copies, fills_of_every_width_keep_to_their_rows) {
    const CUdeviceptr memory = allocate(64);
    OK(cuMemsetD2D8(memory, 8, 0x11, 3, 2));
    OK(cuMemsetD2D16(memory + 16, 8, 0x2222, 2, 2));
    OK(cuMemsetD2D32(memory + 32, 8, 0x33333333, 1, 2));
    OK(cuMemsetD32(memory + 48, 0x44444444, 2));
    OK(cuCtxSynchronize());
    std::array<unsigned char, 64> seen = {};
    OK(cuMemcpyDtoH(seen.data(), memory, seen.size()));
    const std::array<unsigned char, 64> expected = {
        0x11, 0x11, 0x11, 0,    0,    0,    0,    0,    0x11, 0x11, 0x11, 0,    0, 0, 0, 0,
        0x22, 0x22, 0x22, 0x22, 0,    0,    0,    0,    0x22, 0x22, 0x22, 0x22, 0, 0, 0, 0,
        0x33, 0x33, 0x33, 0x33, 0,    0,    0,    0,    0x33, 0x33, 0x33, 0x33, 0, 0, 0, 0,
        0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0,    0,    0,    0,    0, 0, 0, 0};
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(cuMemsetD32(memory + 2, 0, 1), CUDA_ERROR_INVALID_VALUE) << "misaligned";
    OK(cuMemFree(memory));
}

// Forgetting to wait for a download is the bug that this driver exists to catch.
TEST_F(Copies, a_download_into_pinned_memory_is_not_there_before_its_stream_is_synchronized) {
    const CUdeviceptr memory = allocate(16);
    const CUstream work = stream(CU_STREAM_NON_BLOCKING);
    void* pinned = nullptr;
    OK(cuMemAllocHost(&pinned, 16));
    OK(cuMemsetD8(memory, 7, 16));
    OK(cuCtxSynchronize());
    {
        Gate gate(work);
        OK(cuMemcpyDtoHAsync(pinned, memory, 16, work));
        EXPECT_EQ(*static_cast<volatile unsigned char*>(pinned), 0);
    }
    OK(cuStreamSynchronize(work));
    EXPECT_EQ(*static_cast<volatile unsigned char*>(pinned), 7);
    OK(cuMemFreeHost(pinned));
    OK(cuStreamDestroy(work));
    OK(cuMemFree(memory));
}

TEST_F(Copies, pageable_memory_may_be_reused_as_soon_as_the_call_returns) {
    const CUdeviceptr memory = allocate(16);
    const CUstream work = stream(CU_STREAM_NON_BLOCKING);
    std::array<unsigned char, 16> buffer;
    buffer.fill(7);
    OK(cuMemcpyHtoDAsync(memory, buffer.data(), 16, work));
    buffer.fill(0);
    OK(cuMemcpyDtoHAsync(buffer.data(), memory, 16, work));
    EXPECT_EQ(buffer[15], 7);
    OK(cuStreamDestroy(work));
    OK(cuMemFree(memory));
}

TEST_F(Copies, a_synchronous_device_to_device_copy_does_not_wait_on_the_host) {
    const CUdeviceptr memory = allocate(32);
    OK(cuMemsetD8(memory, 7, 16));
    OK(cuCtxSynchronize());
    {
        Gate gate(nullptr);
        OK(cuMemcpyDtoD(memory + 16, memory, 16));
        EXPECT_EQ(peek(memory + 16), 0);
    }
    OK(cuCtxSynchronize());
    EXPECT_EQ(peek(memory + 16), 7);
    OK(cuMemFree(memory));
}

TEST_F(Copies, freeing_waits_for_the_work_in_flight) {
    const CUdeviceptr memory = allocate(16);
    const CUdeviceptr target = allocate(16);
    OK(cuMemsetD8(memory, 7, 16));
    OK(cuMemcpyDtoDAsync(target, memory, 16, nullptr));
    OK(cuMemFree(memory));
    EXPECT_EQ(peek(target), 7);
    OK(cuMemFree(target));
}

TEST_F(Copies, pointers_outside_an_allocation_are_refused) {
    const CUdeviceptr memory = allocate(100);
    std::array<unsigned char, 200> host = {};
    const auto host_address = reinterpret_cast<CUdeviceptr>(host.data());
    EXPECT_EQ(cuMemcpyHtoD(memory, host.data(), 101), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemcpyHtoD(host_address, host.data(), 4), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemcpyDtoH(host.data(), 0x1000, 4), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemsetD8(memory + 90, 0, 11), CUDA_ERROR_INVALID_VALUE);
    const auto wide = host_to_device(host.data(), 8, memory, 8, 9, 2);
    EXPECT_EQ(cuMemcpy2D(&wide), CUDA_ERROR_INVALID_VALUE) << "wider than its pitch";
    const auto tall = host_to_device(host.data(), 10, memory, 10, 10, 11);
    EXPECT_EQ(cuMemcpy2D(&tall), CUDA_ERROR_INVALID_VALUE) << "past the end";
    OK(cuMemFree(memory));
    EXPECT_EQ(cuMemFree(memory), CUDA_ERROR_INVALID_VALUE) << "freed twice";
    EXPECT_EQ(cuMemcpyDtoH(host.data(), memory, 4), CUDA_ERROR_INVALID_VALUE) << "freed";
}

TEST_F(Copies, running_over_into_a_neighbouring_allocation_is_refused_too) {
    void* pages = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* second = static_cast<char*>(pages) + 4096;
    OK(cuMemHostRegister(pages, 4096, 0));
    OK(cuMemHostRegister(second, 4096, 0));
    const auto address = reinterpret_cast<CUdeviceptr>(pages);
    EXPECT_EQ(cuMemsetD8(address + 4090, 1, 7), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemsetD8(address + 4090, 1, 6));
    OK(cuMemHostUnregister(pages));
    OK(cuMemHostUnregister(second));
    munmap(pages, 8192);
}

TEST_F(Copies, transfers_are_counted_by_direction) {
    const CUdeviceptr memory = allocate(64);
    std::array<unsigned char, 64> host = {};
    fake_cuda_reset_copies();
    OK(cuMemcpyHtoD(memory, host.data(), 10));
    OK(cuMemcpyDtoH(host.data(), memory, 20));
    OK(cuMemcpyDtoD(memory + 32, memory, 30));
    OK(cuMemcpy(memory + 32, memory, 1));
    OK(cuMemsetD16(memory, 1, 8));
    const FakeCudaCopies seen = copies();
    EXPECT_EQ(seen.host_to_device, 1U);
    EXPECT_EQ(seen.host_to_device_bytes, 10U);
    EXPECT_EQ(seen.device_to_host, 1U);
    EXPECT_EQ(seen.device_to_host_bytes, 20U);
    EXPECT_EQ(seen.device_to_device, 2U);
    EXPECT_EQ(seen.device_to_device_bytes, 31U);
    EXPECT_EQ(seen.host_to_host, 0U);
    EXPECT_EQ(seen.fills, 1U);
    EXPECT_EQ(seen.fill_bytes, 16U);
    OK(cuMemFree(memory));
}

TEST_F(Copies, stream_ordered_memory_leaves_at_its_place_in_the_stream) {
    const CUstream work = stream(CU_STREAM_NON_BLOCKING);
    CUdeviceptr memory = 0;
    OK(cuMemAllocAsync(&memory, 4096, work));
    const CUdeviceptr target = allocate(16);
    OK(cuMemsetD8Async(memory, 7, 4096, work));
    OK(cuMemcpyDtoDAsync(target, memory, 16, work));
    OK(cuMemFreeAsync(memory, work));
    EXPECT_EQ(cuMemFreeAsync(memory, work), CUDA_ERROR_INVALID_VALUE);
    OK(cuStreamSynchronize(work));
    EXPECT_EQ(peek(target), 7);
    EXPECT_EQ(stats().allocations, 1U);
    OK(cuMemFree(target));
    OK(cuStreamDestroy(work));
}

TEST_F(Copies, pointers_tell_what_they_are) {
    const CUdeviceptr memory = allocate(100);
    unsigned int type = 0;
    CUdeviceptr start = 0;
    size_t size = 0;
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory + 50));
    EXPECT_EQ(type, CU_MEMORYTYPE_DEVICE);
    OK(cuMemGetAddressRange(&start, &size, memory + 50));
    EXPECT_EQ(start, memory);
    EXPECT_EQ(size, 100U);
    const auto stranger = reinterpret_cast<CUdeviceptr>(&type);
    EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, stranger), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemFree(memory));
}

} // namespace
} // namespace fake_cuda_test
