// SPDX-License-Identifier: LGPL-2.1-or-later
#include "inspection.h"

#include "errors.h"
#include "packet_subscriber.h"
#include "unlocked.h"
#include "writer.h"

#include <nanobind/stl/string.h>

#include <memory>
#include <string>

namespace cuframes::python {
namespace {

using Inspection = std::unique_ptr<cuframes_inspection, decltype(&cuframes_inspection_free)>;

nb::object geometry_of(const cuframes_geometry* geometry) {
    if (!geometry) {
        return nb::none();
    }
    nb::dict out;
    out["format"] = nb::str(geometry->format);
    out["width"] = geometry->width;
    out["height"] = geometry->height;
    return out;
}

nb::dict ring_of(const cuframes_ring_info& ring) {
    nb::list subscribers;
    for (size_t i = 0; i < ring.subscriber_count; ++i) {
        subscribers.append(to_dict(*ring.subscribers[i]));
    }
    nb::dict out;
    out["key"] = nb::str(ring.key);
    out["state"] = nb::str(cuframes_ring_state_name(ring.state));
    out["path"] = nb::str(ring.path);
    out["message"] = nb::str(ring.message);
    out["pid"] = ring.pid;
    out["uid"] = ring.uid;
    out["program"] = nb::str(ring.program);
    out["content"] = static_cast<int>(ring.content);
    out["policy"] = static_cast<int>(ring.policy);
    out["caps"] = nb::str(ring.caps);
    out["memory"] = static_cast<int>(ring.memory);
    out["gpu_uuid"] = nb::bytes(ring.gpu_uuid, sizeof(ring.gpu_uuid));
    out["rate"] = ring.rate;
    out["newest_time"] = ring.newest_time;
    out["stats"] = ring.stats ? nb::object(to_dict(*ring.stats)) : nb::none();
    out["geometry"] = geometry_of(ring.geometry);
    out["window"] = ring.window ? nb::object(to_dict(*ring.window)) : nb::none();
    out["subscribers"] = subscribers;
    return out;
}

nb::list to_list(const Inspection& inspection) {
    nb::list out;
    for (size_t i = 0; i < cuframes_inspection_size(inspection.get()); ++i) {
        out.append(ring_of(*cuframes_inspection_get(inspection.get(), i)));
    }
    return out;
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

/// Empty: where subscribers look.
nb::list list_rings(const std::string& directory, int64_t timeout_ms) {
    cuframes_inspection* made = nullptr;
    check(unlocked([&] { return cuframes_list(or_null(directory), timeout_ms, &made); }));
    return to_list(Inspection(made, cuframes_inspection_free));
}

nb::list inspect_ring(const std::string& key, const std::string& directory, int64_t timeout_ms) {
    cuframes_inspection* made = nullptr;
    check(unlocked([&] { return cuframes_inspect(key.c_str(), or_null(directory), timeout_ms, &made); }));
    return to_list(Inspection(made, cuframes_inspection_free));
}

} // namespace

void bind_inspection(nb::module_& module) {
    module.def("list_rings", &list_rings, nb::arg("directory"), nb::arg("timeout_ms"));
    module.def("inspect_ring", &inspect_ring, nb::arg("key"), nb::arg("directory"), nb::arg("timeout_ms"));
}

} // namespace cuframes::python
