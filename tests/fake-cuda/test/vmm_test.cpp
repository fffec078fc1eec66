// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fake_cuda_test {
namespace {

using VirtualMemory = WithContext;

TEST_F(VirtualMemory, the_granularity_is_that_of_a_gpu_and_sizes_must_keep_to_it) {
    const CUmemAllocationProp prop = exportable_on(0);
    size_t granularity = 0;
    OK(cuMemGetAllocationGranularity(&granularity, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    EXPECT_EQ(granularity, two_mib);
    CUmemGenericAllocationHandle handle = 0;
    CUdeviceptr base = 0;
    EXPECT_EQ(cuMemCreate(&handle, two_mib + 4096, &prop, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemCreate(&handle, 0, &prop, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemAddressReserve(&base, 4096, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(VirtualMemory, nothing_may_be_done_with_a_mapping_before_access_is_granted) {
    Mapped memory(create_exportable());
    unsigned char byte = 0;
    EXPECT_EQ(cuMemsetD8(memory.base, 1, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemcpyDtoH(&byte, memory.base, 1), CUDA_ERROR_INVALID_VALUE);
    OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READWRITE));
    OK(cuMemsetD8(memory.base, 1, 1));
    OK(cuMemcpyDtoH(&byte, memory.base, 1));
    EXPECT_EQ(byte, 1);
}

// As measured on a GPU: the write is refused at the call, and the context stays usable.
TEST_F(VirtualMemory, a_read_only_mapping_can_be_copied_from_but_not_into) {
    const CUmemGenericAllocationHandle handle = create_exportable();
    const int fd = export_of(handle);
    CUmemGenericAllocationHandle imported = 0;
    OK(import_from(&imported, fd));
    close(fd);
    Mapped writer(handle);
    Mapped reader(imported);
    OK(writer.allow(CU_MEM_ACCESS_FLAGS_PROT_READWRITE));
    OK(reader.allow(CU_MEM_ACCESS_FLAGS_PROT_READ));
    const CUdeviceptr scratch = allocate(16);

    EXPECT_EQ(cuMemsetD8(reader.base, 1, 16), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemcpyDtoD(reader.base, scratch, 16), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuStreamWriteValue32(nullptr, reader.base, 1, 0), CUDA_ERROR_INVALID_VALUE);
    OK(cuCtxSynchronize());
    OK(cuMemsetD8(writer.base, 7, 16));
    OK(cuMemcpyDtoD(scratch, reader.base, 16));
    OK(cuCtxSynchronize());
    EXPECT_EQ(peek(scratch), 7) << "both mappings show the same memory";
    OK(cuMemFree(scratch));
}

TEST_F(VirtualMemory, a_cpu_write_into_a_read_only_mapping_is_caught) {
    Mapped memory(create_exportable());
    OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READ));
    EXPECT_DEATH(*pointer_to<volatile char>(memory.base) = 1, "");
}

TEST_F(VirtualMemory, memory_lives_as_long_as_a_handle_or_a_mapping) {
    const CUmemGenericAllocationHandle handle = create_exportable();
    CUdeviceptr base = 0;
    OK(cuMemAddressReserve(&base, two_mib, 0, 0, 0));
    OK(cuMemMap(base, two_mib, 0, handle, 0));
    OK(cuMemRelease(handle));
    EXPECT_EQ(cuMemRelease(handle), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(stats().vmm_handles, 0U);
    EXPECT_EQ(stats().vmm_bytes, two_mib);
    CUmemGenericAllocationHandle again = 0;
    OK(cuMemRetainAllocationHandle(&again, pointer_to<void>(base)));
    EXPECT_EQ(stats().vmm_handles, 1U);
    OK(cuMemUnmap(base, two_mib));
    EXPECT_EQ(stats().vmm_bytes, two_mib);
    OK(cuMemRelease(again));
    EXPECT_EQ(stats().vmm_bytes, 0U);
    OK(cuMemAddressFree(base, two_mib));
}

TEST_F(VirtualMemory, mappings_keep_to_their_reservation_and_do_not_overlap) {
    const CUmemGenericAllocationHandle handle = create_exportable(2 * two_mib);
    CUdeviceptr base = 0;
    OK(cuMemAddressReserve(&base, 2 * two_mib, 0, 0, 0));
    EXPECT_EQ(base % two_mib, 0U);
    EXPECT_EQ(cuMemMap(base + two_mib, 2 * two_mib, 0, handle, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemMap(base, two_mib, two_mib, handle, 0), CUDA_ERROR_INVALID_VALUE) << "offset";
    EXPECT_EQ(cuMemMap(base, 4096, 0, handle, 0), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemMap(base, 2 * two_mib, 0, handle, 0));
    EXPECT_EQ(cuMemMap(base, two_mib, 0, handle, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemUnmap(base, two_mib), CUDA_ERROR_INVALID_VALUE) << "half a mapping";
    EXPECT_EQ(cuMemAddressFree(base, 2 * two_mib), CUDA_ERROR_INVALID_VALUE) << "still mapped";
    OK(cuMemUnmap(base, 2 * two_mib));
    EXPECT_EQ(cuMemAddressFree(base, two_mib), CUDA_ERROR_INVALID_VALUE) << "wrong size";
    OK(cuMemAddressFree(base, 2 * two_mib));
    OK(cuMemRelease(handle));
}

TEST_F(VirtualMemory, only_memory_made_for_export_is_exported) {
    CUmemAllocationProp prop = exportable_on(0);
    prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_NONE;
    CUmemGenericAllocationHandle handle = 0;
    int fd = -1;
    OK(cuMemCreate(&handle, two_mib, &prop, 0));
    EXPECT_EQ(cuMemExportToShareableHandle(&fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
              CUDA_ERROR_INVALID_VALUE);
    OK(cuMemRelease(handle));
}

TEST_F(VirtualMemory, an_exported_descriptor_does_not_leak_into_programs_that_are_started) {
    const CUmemGenericAllocationHandle handle = create_exportable();
    const int fd = export_of(handle);
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
    OK(cuMemRelease(handle));
}

TEST_F(VirtualMemory, a_descriptor_that_is_not_gpu_memory_is_refused) {
    CUmemGenericAllocationHandle handle = 0;
    EXPECT_EQ(import_from(&handle, -1), CUDA_ERROR_INVALID_VALUE);

    const int null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
    EXPECT_EQ(import_from(&handle, null_device), CUDA_ERROR_INVALID_VALUE);
    close(null_device);

    const int other = memfd_create("some-shared-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(ftruncate(other, two_mib), 0);
    EXPECT_EQ(import_from(&handle, other), CUDA_ERROR_INVALID_VALUE);
    close(other);

    const int forged = memfd_create("fake-cuda-vmm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(ftruncate(forged, two_mib + 4096), 0);
    struct {
        char magic[16] = "not our own";
        uint64_t size = two_mib;
        CUuuid device = {};
    } trailer;
    OK(cuDeviceGetUuid(&trailer.device, 0));
    ASSERT_EQ(pwrite(forged, &trailer, sizeof trailer, two_mib), ssize_t{sizeof trailer});
    ASSERT_EQ(fcntl(forged, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_EQ(import_from(&handle, forged), CUDA_ERROR_INVALID_VALUE);
    close(forged);
}

TEST_F(VirtualMemory, unmapping_under_a_pending_operation_is_a_gpu_fault) {
    CUcontext doomed = nullptr;
    OK(cuCtxCreate_v2(&doomed, 0, 0));
    {
        Mapped memory(create_exportable());
        OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READWRITE));
        Gate gate(nullptr);
        OK(cuMemsetD8Async(memory.base, 7, two_mib, nullptr));
        OK(cuMemUnmap(memory.base, two_mib));
        gate.open();
        EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
        // So that the mapping's own destructor has something to unmap.
        CUmemGenericAllocationHandle handle = create_exportable();
        OK(cuMemMap(memory.base, two_mib, 0, handle, 0));
        OK(cuMemRelease(handle));
    }
    OK(cuCtxDestroy(doomed));
    OK(cuCtxSynchronize());
}

TEST_F(VirtualMemory, host_memory_is_registered_once_and_must_be_writable) {
    void* pages = mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_EQ(cuMemHostRegister(pages, 8192, 0), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemHostRegister(pages, 8192, CU_MEMHOSTREGISTER_READ_ONLY));
    EXPECT_EQ(cuMemHostRegister(static_cast<char*>(pages) + 4096, 4096, CU_MEMHOSTREGISTER_READ_ONLY),
              CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    EXPECT_EQ(cuMemsetD8(reinterpret_cast<CUdeviceptr>(pages), 1, 1), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemHostUnregister(pages));
    EXPECT_EQ(cuMemHostUnregister(pages), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    munmap(pages, 8192);
    EXPECT_EQ(cuMemHostRegister(pages, 8192, 0), CUDA_ERROR_INVALID_VALUE) << "not mapped at all";
}

} // namespace
} // namespace fake_cuda_test
