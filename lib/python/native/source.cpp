// SPDX-License-Identifier: LGPL-2.1-or-later
#include "source.h"

#include "capsule.h"
#include "errors.h"
#include "unlocked.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace cuframes::python {
namespace {

nb::tuple layout_tuple(const cuframes_plane& plane) {
    return nb::make_tuple(plane.offset, plane.pitch, plane.row_bytes, plane.rows);
}

cuframes_geometry compact_geometry(const cuframes_geometry& from) {
    cuframes_geometry out = from;
    out.frame_size = 0;
    for (uint32_t i = 0; i < out.plane_count; ++i) {
        cuframes_plane& plane = out.planes[i];
        plane.offset = out.frame_size;
        plane.pitch = plane.row_bytes;
        out.frame_size += uint64_t{plane.pitch} * plane.rows;
    }
    return out;
}

tensors::PlaneTensor described(const Source& source, uint32_t plane, int view) {
    const tensors::Pixels pixels = source.pixels();
    auto tensor = tensors::describe_plane(pixels, plane, static_cast<tensors::View>(view));
    if (!tensor) {
        refuse(tensor.error().message);
    }
    return *tensor;
}

/// Ends a reference at the end of a scope.
class Kept {
public:
    explicit Kept(tensors::Owner owner) : owner_(owner) {}
    Kept(const Kept&) = delete;
    ~Kept() { owner_.release(owner_.object); }

private:
    tensors::Owner owner_;
};

std::shared_ptr<tensors::OwnedFrame> copy_frame(const tensors::SourceFrame& source, const cuframes_geometry& geometry,
                                                DLDevice device, int64_t stream) {
    auto copied = unlocked([&] { return tensors::OwnedFrame::copy(source, geometry, device, stream); });
    if (!copied) {
        raise(copied.error());
    }
    return *copied;
}

} // namespace

nb::object Source::export_plane(uint32_t plane, int view, int64_t stream, bool versioned, bool copied) {
    const tensors::PlaneTensor tensor = described(*this, plane, view);
    const tensors::Owner owner = keep(stream);
    if (versioned) {
        if (auto* managed = tensors::export_versioned(tensor, owner, copied)) {
            return make_capsule(managed);
        }
    } else if (auto* managed = tensors::export_legacy(tensor, owner)) {
        return make_capsule(managed);
    }
    owner.release(owner.object);
    throw std::bad_alloc();
}

nb::tuple Source::describe(uint32_t plane, int view) const {
    const tensors::PlaneTensor tensor = described(*this, plane, view);
    auto numbers = [&tensor](const int64_t* values) {
        return tensor.ndim == 2 ? nb::make_tuple(values[0], values[1])
                                : nb::make_tuple(values[0], values[1], values[2]);
    };
    return nb::make_tuple(reinterpret_cast<uintptr_t>(tensor.data), numbers(tensor.shape), numbers(tensor.strides),
                          tensor.dtype.bits / 8);
}

nb::tuple Source::layout(uint32_t plane) const {
    const tensors::Pixels of = pixels();
    if (plane >= of.geometry->plane_count) {
        throw nb::index_error("no such plane");
    }
    return layout_tuple(of.geometry->planes[plane]);
}

std::shared_ptr<tensors::OwnedFrame> Source::copy(bool compact, int device_type, int device_id, int64_t stream) {
    const tensors::Pixels from = pixels();
    const Kept kept(keep(stream));
    const DLDevice device{static_cast<DLDeviceType>(device_type), device_id};
    tensors::SourceFrame source{from.device, {}, {}};
    for (uint32_t i = 0; i < from.geometry->plane_count; ++i) {
        const cuframes_plane& plane = from.geometry->planes[i];
        source.planes.push_back({static_cast<std::byte*>(from.data) + plane.offset, plane.pitch});
    }
    const cuframes_geometry geometry = compact ? compact_geometry(*from.geometry) : *from.geometry;
    return copy_frame(source, geometry, device, stream);
}

tensors::Pixels OwnedSource::pixels() const {
    if (!frame_) {
        refuse("this frame was released; take tensors from it before");
    }
    return frame_->pixels();
}

tensors::Owner OwnedSource::keep(int64_t stream) {
    if (auto ordered = frame_->order(stream); !ordered) {
        refuse(ordered.error().message);
    }
    using Shared = std::shared_ptr<tensors::OwnedFrame>;
    return {new Shared(frame_), [](void* object) { delete static_cast<Shared*>(object); }};
}

std::unique_ptr<OwnedSource> OwnedSource::from_tensors(const std::string& format, uint32_t width, uint32_t height,
                                                       const std::vector<nb::object>& capsules, int device_type,
                                                       int device_id, int64_t stream) {
    auto geometry = tensors::make_geometry(format, width, height, 1);
    if (!geometry) {
        refuse(geometry.error().message);
    }
    const ConsumedCapsules tensors(capsules);
    const tensors::SourceFrame source = tensors.read(*geometry);
    const DLDevice device{static_cast<DLDeviceType>(device_type), device_id};
    return std::make_unique<OwnedSource>(copy_frame(source, *geometry, device, stream));
}

void check_tensors(const std::string& format, uint32_t width, uint32_t height,
                   const std::vector<nb::object>& capsules) {
    auto geometry = tensors::make_geometry(format, width, height, 1);
    if (!geometry) {
        raise(geometry.error());
    }
    std::vector<const DLTensor*> views;
    for (const nb::object& capsule : capsules) {
        views.push_back(&look_into_capsule(capsule));
    }
    read_tensors(views, *geometry);
}

nb::tuple format_layout(const std::string& format, uint32_t width, uint32_t height) {
    auto geometry = tensors::make_geometry(format, width, height, 1);
    if (!geometry) {
        raise(geometry.error());
    }
    nb::list planes;
    for (uint32_t i = 0; i < geometry->plane_count; ++i) {
        planes.append(layout_tuple(geometry->planes[i]));
    }
    return nb::tuple(planes);
}

uint32_t format_itemsize(const std::string& format) {
    const tensors::PixelFormat* known = tensors::find_format(format);
    return known ? known->planes[0].bytes : 0;
}

void bind_source(nb::module_& module) {
    nb::class_<Source>(module, "Source", "What has planes of pixels.")
        .def("describe", &Source::describe, nb::arg("plane"), nb::arg("view"))
        .def("layout", &Source::layout, nb::arg("plane"))
        .def("export_plane", &Source::export_plane, nb::arg("plane"), nb::arg("view"), nb::arg("stream"),
             nb::arg("versioned"), nb::arg("copied"))
        .def(
            "copy",
            [](Source& self, bool compact, int device_type, int device_id, int64_t stream) {
                return std::make_unique<OwnedSource>(self.copy(compact, device_type, device_id, stream));
            },
            nb::arg("compact"), nb::arg("device_type"), nb::arg("device_id"), nb::arg("stream"))
        .def_prop_ro("format", [](const Source& self) { return std::string(self.pixels().geometry->format); })
        .def_prop_ro("width", [](const Source& self) { return self.pixels().geometry->width; })
        .def_prop_ro("height", [](const Source& self) { return self.pixels().geometry->height; })
        .def_prop_ro("plane_count", [](const Source& self) { return self.pixels().geometry->plane_count; })
        .def_prop_ro("frame_size", [](const Source& self) { return self.pixels().geometry->frame_size; })
        .def_prop_ro("data_ptr", [](const Source& self) { return reinterpret_cast<uintptr_t>(self.pixels().data); })
        .def_prop_ro("read_only", [](const Source& self) { return self.pixels().read_only; })
        .def_prop_ro("device", [](const Source& self) {
            const DLDevice device = self.pixels().device;
            return std::pair<int, int>(device.device_type, device.device_id);
        });
    nb::class_<OwnedSource, Source>(module, "OwnedSource", "A copy in memory of this process's own.")
        .def("release", &OwnedSource::release)
        .def_static("from_tensors", &OwnedSource::from_tensors, nb::arg("format"), nb::arg("width"), nb::arg("height"),
                    nb::arg("capsules"), nb::arg("device_type"), nb::arg("device_id"), nb::arg("stream"));
    module.def("format_layout", &format_layout, nb::arg("format"), nb::arg("width"), nb::arg("height"));
    module.def("format_itemsize", &format_itemsize, nb::arg("format"));
    module.def("check_tensors", &check_tensors, nb::arg("format"), nb::arg("width"), nb::arg("height"),
               nb::arg("capsules"));
    module.def("capsule_of_buffer", &capsule_of_buffer, nb::arg("object"));
    module.def("capsule_of_rows", &capsule_of_rows, nb::arg("owner"), nb::arg("address"), nb::arg("rows"),
               nb::arg("columns"), nb::arg("pitch"), nb::arg("itemsize"));
    module.def("describe_capsule", &describe_capsule, nb::arg("capsule"));
    module.def(
        "has_compact_rows", [](nb::handle capsule) { return tensors::has_compact_rows(look_into_capsule(capsule)); },
        nb::arg("capsule"));
    module.def("formats", [] {
        nb::list names;
        for (const tensors::PixelFormat& format : tensors::pixel_formats()) {
            names.append(nb::str(format.name.data(), format.name.size()));
        }
        return nb::tuple(names);
    });
    module.def("capsule_of_address", &capsule_of_address, nb::arg("address"), nb::arg("versioned"));
    module.def("address_of_capsule", &address_of_capsule, nb::arg("capsule"));
}

} // namespace cuframes::python
