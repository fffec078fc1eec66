// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/gpu.h"

#include "facts/doctor/examinations.h"
#include "facts/words.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace cuframes::tools::doctor {

namespace {

/// Of the driver's functions, those that tell facts; declared here, so that no header of CUDA is needed.
template <class... Arguments>
int call(void* library, const char* name, Arguments... arguments) {
    constexpr int not_found = 500;
    const auto function = reinterpret_cast<int (*)(Arguments...)>(::dlsym(library, name));
    return function ? function(arguments...) : not_found;
}

std::string uuid_of(void* library, int device) {
    unsigned char bytes[16] = {};
    if (call(library, "cuDeviceGetUuid_v2", &bytes[0], device) != 0) {
        return "";
    }
    return gpu_name(bytes);
}

GpuDriver::Gpu gpu_of(void* library, int device) {
    char name[256] = {};
    size_t memory = 0;
    call(library, "cuDeviceGetName", &name[0], static_cast<int>(sizeof(name)), device);
    call(library, "cuDeviceTotalMem_v2", &memory, device);
    return {name, uuid_of(library, device), memory};
}

/// The kernel's part, which a container shares with its host even where it has no libcuda.
std::string kernel_driver() {
    std::ifstream file("/proc/driver/nvidia/version");
    std::string line;
    std::getline(file, line);
    return line;
}

std::string version_word(int version) { return fmt::format("CUDA {}.{}", version / 1000, version % 1000 / 10); }

void examine_release(Findings& findings, const GpuDriver& driver) {
    const char* topic = "release";
    const auto wish_of = [](const char* name) { return std::string_view(std::getenv(name) ? std::getenv(name) : ""); };
    const std::string_view wish = wish_of("CUFRAMES_RELEASE");
    if (!wish_of("CUFRAMES_UNSAFE_RELEASE").empty()) {
        findings.fail(topic, "CUFRAMES_UNSAFE_RELEASE is set: frames are given back while the GPU reads them, and tear",
                      "take it out of the environment; it is for tests alone");
    }
    if (!wish.empty() && wish != "streams" && wish != "context") {
        findings.fail(topic, fmt::format("CUFRAMES_RELEASE={} means nothing: no reader attaches", wish),
                      "set it to streams or to context");
    } else if (wish == "context" && !driver.waits_for_contexts) {
        findings.warn(
            topic,
            fmt::format("CUFRAMES_RELEASE=context needs a driver of CUDA 12.5, and this is {}: a frame's lease "
                        "ends after the work on known streams alone",
                        version_word(driver.version)),
            "update the driver, or name the streams that read frames");
    } else if (wish == "context") {
        findings.ok(topic,
                    "a frame's lease ends after all that the known contexts have in flight (CUFRAMES_RELEASE=context); "
                    "CUDA graphs that are captured meanwhile break");
    } else {
        findings.ok(topic,
                    fmt::format("a frame's lease ends after the work on streams that are known; of non-blocking "
                                "streams that nobody named {}",
                                driver.waits_for_contexts ? "only with CUFRAMES_RELEASE=context, which this driver can"
                                                          : "never: the driver is older than CUDA 12.5"));
    }
}

void without_driver(Findings& findings, const GpuDriver& driver) {
    const std::string kernel = kernel_driver();
    std::error_code error;
    if (kernel.empty() && !std::filesystem::exists("/dev/nvidiactl", error)) {
        findings.ok("gpu", "none: frames are shared in host memory, and a lease ends at once");
        return;
    }
    findings.fail("gpu", fmt::format("there is a GPU, and its driver is not usable here: {}", driver.error),
                  "in a container: run it with the GPU and its driver (--gpus all, NVIDIA_DRIVER_CAPABILITIES with "
                  "compute); else install the driver's libcuda.so.1, of the version of the kernel's part");
}

} // namespace

GpuDriver GpuDriver::load() {
    GpuDriver out;
    // Never closed, as the library does not either.
    void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        out.error = ::dlerror();
        return out;
    }
    call(library, "cuDriverGetVersion", &out.version);
    if (const int result = call(library, "cuInit", 0U); result != 0) {
        const char* name = nullptr;
        call(library, "cuGetErrorName", result, &name);
        out.error = fmt::format("cuInit: {}", name ? name : fmt::format("error {}", result));
        return out;
    }
    out.loaded = true;
    constexpr int cuda_12_5 = 12050;
    out.waits_for_contexts = out.version >= cuda_12_5 && ::dlsym(library, "cuCtxRecordEvent");
    int count = 0;
    call(library, "cuDeviceGetCount", &count);
    for (int device = 0; device < count; ++device) {
        out.gpus.push_back(gpu_of(library, device));
    }
    return out;
}

void examine_gpus(Findings& findings, const GpuDriver& driver) {
    if (!driver.loaded) {
        without_driver(findings, driver);
        return;
    }
    const std::string kernel = kernel_driver();
    findings.ok("driver", fmt::format("{}{}{}", version_word(driver.version), kernel.empty() ? "" : "; ", kernel));
    if (driver.gpus.empty()) {
        findings.warn("gpu", "the driver sees none", "look at CUDA_VISIBLE_DEVICES, and at nvidia-smi -L");
    }
    for (size_t i = 0; i < driver.gpus.size(); ++i) {
        const GpuDriver::Gpu& gpu = driver.gpus[i];
        findings.ok("gpu", fmt::format("{}: {}, {}, {}", i, gpu.name, bytes_word(gpu.memory), gpu.uuid));
    }
    examine_release(findings, driver);
}

} // namespace cuframes::tools::doctor
