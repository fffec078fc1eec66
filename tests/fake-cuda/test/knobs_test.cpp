// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fixture.h"

#include <cstring>
#include <string>

// The environment variables of README.md, each in a process of its own.
namespace fake_cuda_test {
namespace {

void* resolve(const char* symbol, int version) {
    void* function = nullptr;
    CUdriverProcAddressQueryResult status;
    EXPECT_EQ(cuGetProcAddress(symbol, &function, version, CU_GET_PROC_ADDRESS_DEFAULT, &status), CUDA_SUCCESS);
    EXPECT_EQ(function != nullptr, status == CU_GET_PROC_ADDRESS_SUCCESS);
    return function;
}

int attribute(CUdevice_attribute which) {
    int value = -1;
    EXPECT_EQ(cuDeviceGetAttribute(&value, which, 0), CUDA_SUCCESS);
    return value;
}

void make_context() {
    CUcontext context = nullptr;
    OK(cuInit(0));
    OK(cuCtxCreate_v2(&context, 0, 0));
}

TEST(Knobs, calls_before_init_are_refused_and_their_error_has_a_name) {
    IN_FRESH_PROCESS({
        int count = 0;
        const char* name = nullptr;
        EXPECT_EQ(cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
        OK(cuGetErrorName(CUDA_ERROR_NOT_INITIALIZED, &name));
        EXPECT_STREQ(name, "CUDA_ERROR_NOT_INITIALIZED");
    });
}

TEST(Knobs, no_device) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_NO_DEVICE", "1", 1);
        EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
    });
}

TEST(Knobs, devices_differ_in_uuid_and_reach_each_other_by_default) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_DEVICES", "2", 1);
        OK(cuInit(0));
        int count = 0;
        int peer = 0;
        CUuuid first;
        CUuuid second;
        OK(cuDeviceGetCount(&count));
        EXPECT_EQ(count, 2);
        OK(cuDeviceGetUuid(&first, 0));
        OK(cuDeviceGetUuid(&second, 1));
        EXPECT_NE(std::memcmp(&first, &second, sizeof first), 0);
        OK(cuDeviceCanAccessPeer(&peer, 0, 1));
        EXPECT_EQ(peer, 1);
        OK(cuDeviceCanAccessPeer(&peer, 0, 0));
        EXPECT_EQ(peer, 0);
        EXPECT_EQ(cuDeviceGetUuid(&first, 2), CUDA_ERROR_INVALID_DEVICE);
    });
}

TEST(Knobs, memory_of_one_device_is_readable_by_its_peer_once_that_is_granted) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_DEVICES", "2", 1);
        OK(cuInit(0));
        CUcontext on_second = nullptr;
        unsigned char byte = 0;
        OK(cuCtxCreate_v2(&on_second, 0, 1));
        Mapped memory(create_exportable());
        OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READWRITE, 0));
        EXPECT_EQ(cuMemcpyDtoH(&byte, memory.base, 1), CUDA_ERROR_INVALID_VALUE);
        OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READ, 1));
        OK(cuMemcpyDtoH(&byte, memory.base, 1));
        EXPECT_EQ(cuMemsetD8(memory.base, 1, 1), CUDA_ERROR_INVALID_VALUE);
    });
}

TEST(Knobs, without_peer_access_a_second_device_gets_no_mapping) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_DEVICES", "2", 1);
        setenv("FAKE_CUDA_PEER", "0", 1);
        make_context();
        int peer = 1;
        OK(cuDeviceCanAccessPeer(&peer, 1, 0));
        EXPECT_EQ(peer, 0);
        Mapped memory(create_exportable());
        EXPECT_EQ(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READ, 1), CUDA_ERROR_INVALID_DEVICE);
        OK(memory.allow(CU_MEM_ACCESS_FLAGS_PROT_READ, 0));
    });
}

TEST(Knobs, an_old_driver_has_no_context_events) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_DRIVER_VERSION", "12040", 1);
        make_context();
        int version = 0;
        CUcontext context = nullptr;
        CUevent event = nullptr;
        OK(cuDriverGetVersion(&version));
        EXPECT_EQ(version, 12040);
        EXPECT_EQ(resolve("cuCtxRecordEvent", 12040), nullptr);
        EXPECT_NE(resolve("cuStreamWriteValue32", 12040), nullptr);
        OK(cuCtxGetCurrent(&context));
        OK(cuEventCreate(&event, 0));
        EXPECT_EQ(cuCtxRecordEvent(context, event), CUDA_ERROR_NOT_SUPPORTED);
    });
}

TEST(Knobs, entry_points_are_resolved_by_base_name_and_version) {
    IN_FRESH_PROCESS({
        OK(cuInit(0));
        EXPECT_EQ(resolve("cuCtxCreate", 11000), reinterpret_cast<void*>(cuCtxCreate_v2));
        EXPECT_NE(resolve("cuCtxCreate", 13000), reinterpret_cast<void*>(cuCtxCreate_v2));
        EXPECT_NE(resolve("cuCtxRecordEvent", 13000), nullptr);
        EXPECT_EQ(resolve("cuCtxRecordEvent", 12040), nullptr);
        EXPECT_EQ(resolve("cuMemAlloc_v2", 13000), nullptr);
        EXPECT_EQ(resolve("cuNoSuchCall", 13000), nullptr);
    });
}

// Capability bits lie on some hosts; only trying tells.
TEST(Knobs, no_vmm_is_found_out_by_trying_only) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_NO_VMM", "1", 1);
        make_context();
        CUmemGenericAllocationHandle handle = 0;
        const CUmemAllocationProp prop = exportable_on(0);
        EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED), 1);
        EXPECT_EQ(cuMemCreate(&handle, two_mib, &prop, 0), CUDA_ERROR_NOT_SUPPORTED);
    });
}

TEST(Knobs, no_memops) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_NO_MEMOPS", "1", 1);
        make_context();
        CUdeviceptr word = 0;
        OK(cuMemAlloc(&word, 4));
        EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS), 0);
        EXPECT_EQ(cuStreamWriteValue32(nullptr, word, 1, 0), CUDA_ERROR_NOT_SUPPORTED);
    });
}

TEST(Knobs, faults_by_name_number_and_default) {
    IN_FRESH_PROCESS({
        setenv("FAKE_CUDA_FAIL",
               "cuMemAlloc:2:CUDA_ERROR_OUT_OF_MEMORY,cuStreamCreate:1:700,"
               "cuEventCreate:0",
               1);
        make_context();
        CUdeviceptr memory = 0;
        CUstream stream = nullptr;
        CUevent event = nullptr;
        OK(cuMemAlloc(&memory, 4));
        EXPECT_EQ(cuMemAlloc(&memory, 4), CUDA_ERROR_OUT_OF_MEMORY);
        EXPECT_EQ(cuStreamCreate(&stream, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
        OK(cuStreamCreate(&stream, 0));
        EXPECT_EQ(cuEventCreate(&event, 0), CUDA_ERROR_UNKNOWN);
        EXPECT_EQ(cuEventCreate(&event, 0), CUDA_ERROR_UNKNOWN);
    });
}

} // namespace
} // namespace fake_cuda_test
