// SPDX-License-Identifier: LGPL-2.1-or-later
/// cuframes._native: the C library as the package's Python code uses it. Not public; `_native.pyi` describes it.
#include "base/error_list.h"
#include "errors.h"
#include "inspection.h"
#include "logging.h"
#include "packet.h"
#include "packet_publisher.h"
#include "packet_subscriber.h"
#include "publisher.h"
#include "source.h"
#include "subscriber.h"
#include "unlocked.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;
using namespace cuframes::python;

namespace {

std::string default_directory() {
    char path[4096];
    check(cuframes_default_directory(path, sizeof(path)));
    return path;
}

void cuda_self_test(int32_t device) {
    check(unlocked([device] { return cuframes_cuda_self_test(device); }));
}

/// The class of cuframes.errors for each code.
nb::dict error_classes() {
    nb::dict out;
#define CUFRAMES_ERROR_CLASS(name, python, sentence) out[nb::int_(static_cast<int>(CUFRAMES_ERROR_##name))] = #python;
    CUFRAMES_ERROR_LIST(CUFRAMES_ERROR_CLASS)
#undef CUFRAMES_ERROR_CLASS
    return out;
}

bool in_main_interpreter() { return PyInterpreterState_GetID(PyInterpreterState_Get()) == 0; }

} // namespace

NB_MODULE(_native, module) {
    if (!in_main_interpreter()) {
        throw nb::import_error("cuframes works in the main interpreter of a process alone; use another process");
    }
    // What is alive at exit stays: tensors may use it until the very end.
    nb::set_leak_warnings(false);
    module.doc() = "The C library, as the package uses it. Not public.";
    bind_source(module);
    bind_pixels(module);
    bind_frame(module);
    bind_reader(module);
    bind_subscriber(module);
    bind_packet(module);
    bind_packet_data(module);
    bind_packet_subscriber(module);
    bind_writer(module);
    bind_publisher(module);
    bind_packet_publisher(module);
    bind_inspection(module);
    bind_logging(module);
    module.def("version_string", [] { return std::string(cuframes_version_string()); });
    module.def("error_name", [](int code) { return std::string(cuframes_error_name(code)); }, nb::arg("code"));
    module.def("error_classes", &error_classes);
    module.def("in_main_interpreter", &in_main_interpreter);
    module.def("default_directory", &default_directory);
    module.def("cuda_self_test", &cuda_self_test, nb::arg("device"));
    module.attr("STREAM_NONE") = static_cast<int64_t>(cuframes::tensors::stream_none);
    module.attr("MEMORY_HOST") = static_cast<int>(CUFRAMES_MEMORY_HOST);
    module.attr("MEMORY_CUDA") = static_cast<int>(CUFRAMES_MEMORY_CUDA);
    module.attr("MAX_HELD") = CUFRAMES_MAX_HELD;
    module.attr("MIN_RING_SLOTS") = CUFRAMES_MIN_RING_SLOTS;
    module.attr("MAX_RING_SLOTS") = CUFRAMES_MAX_RING_SLOTS;
    module.attr("DEFAULT_MAX_SLOTS") = CUFRAMES_DEFAULT_MAX_SLOTS;
    module.attr("DEFAULT_WAIT_TIMEOUT_MS") = CUFRAMES_DEFAULT_WAIT_TIMEOUT_MS;
    module.attr("DEFAULT_MAX_TIME") = CUFRAMES_DEFAULT_MAX_TIME;
    module.attr("DEFAULT_MAX_BYTES") = CUFRAMES_DEFAULT_MAX_BYTES;
    module.attr("DEFAULT_MAX_SUBSCRIBERS") = CUFRAMES_DEFAULT_MAX_SUBSCRIBERS;
}
