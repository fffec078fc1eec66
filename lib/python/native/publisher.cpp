// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher.h"

#include "capsule.h"
#include "errors.h"
#include "tensors/device.h"
#include "unlocked.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

namespace cuframes::python {
namespace {

// As cuframessink lays frames out: GStreamer's default in host memory; on a GPU what textures and encoders take.
constexpr uint32_t host_alignment = 4;
constexpr uint32_t gpu_alignment = 512;

/// A wait for a slot, which goes on in a thread while its caller may be called away by a signal.
struct SlotWait {
    std::mutex mutex;
    bool finished = false;
    bool given_up = false;
    Error error{CUFRAMES_OK, {}};
    cuframes_slot* slot = nullptr;
    Event done;

    void run(std::shared_ptr<cuframes_publisher> publisher) {
        cuframes_slot* got = nullptr;
        const int code = cuframes_publisher_acquire(publisher.get(), CUFRAMES_ACQUIRE_DEFAULT, &got);
        publisher.reset(); // Whoever closes it when the slot is there finds its key free: nobody else has it by then.
        const std::lock_guard lock(mutex);
        if (given_up && got) {
            cuframes_slot_release(got);
            got = nullptr;
        }
        if (code < 0) {
            error = last_error(code);
        }
        slot = got;
        finished = true;
        done.set();
    }

    void give_up() {
        const std::lock_guard lock(mutex);
        given_up = true;
        if (slot) {
            cuframes_slot_release(std::exchange(slot, nullptr));
        }
    }
};

/// Waits as the policy says; a signal's exception ends it.
Result<cuframes_slot*> wait_for_slot(const std::shared_ptr<cuframes_publisher>& publisher) {
    const auto wait = std::make_shared<SlotWait>();
    try {
        std::thread([wait, held = publisher]() mutable { wait->run(std::move(held)); }).detach();
    } catch (const std::system_error& error) {
        return core::system_error("start a thread to wait for a slot", error.code().value());
    }
    try {
        // A signal whose handler does nothing wakes it too.
        while (!wait_readable(wait->done.fd(), wait->done.fd(), Deadline(-1))) {
        }
    } catch (...) {
        wait->give_up();
        throw;
    }
    const std::lock_guard lock(wait->mutex);
    if (!wait->slot) {
        return wait->error;
    }
    return wait->slot;
}

} // namespace

Publisher::Publisher(const std::string& key, const std::string& directory, const std::string& access, uint32_t slots,
                     uint32_t max_slots, int policy, uint32_t wait_timeout_ms, uint32_t max_subscribers)
    : Writer(key), waits_(policy == CUFRAMES_POLICY_WAIT) {
    cuframes_publisher_options options = options_of(directory, access, policy, wait_timeout_ms, max_subscribers);
    options.slots = slots;
    options.max_slots = max_slots;
    open(options);
}

void Publisher::configure(const std::string& format, uint32_t width, uint32_t height, int memory, int32_t cuda_device,
                          const std::string& caps) {
    const Handle handle = held();
    const bool on_gpu = memory == CUFRAMES_MEMORY_CUDA;
    auto geometry = tensors::make_geometry(format, width, height, on_gpu ? gpu_alignment : host_alignment, on_gpu);
    if (!geometry) {
        raise(geometry.error());
    }
    cuframes_ring_config config;
    CUFRAMES_INIT(config);
    config.memory = static_cast<cuframes_memory>(memory);
    config.geometry = &*geometry;
    config.caps = caps.c_str();
    config.cuda_device = cuframes_some(static_cast<uint64_t>(cuda_device));
    const DLDevice device = on_gpu ? DLDevice{kDLCUDA, cuda_device < 0 ? 0 : cuda_device} : DLDevice{kDLCPU, 0};
    check(unlocked([&] {
        const std::lock_guard configuring(configuring_);
        int code = cuframes_publisher_configure(handle.get(), &config);
        cuframes_publisher_stats stats;
        CUFRAMES_INIT(stats);
        if (code >= 0 && (code = cuframes_publisher_get_stats(handle.get(), &stats)) >= 0) {
            const std::lock_guard lock(noting_);
            constexpr size_t kept = 4; // No acquire() is that late.
            layouts_.push_back({stats.epoch, *geometry, device});
            if (layouts_.size() > kept) {
                layouts_.pop_front();
            }
        }
        return code;
    }));
}

Publisher::Layout Publisher::layout_of(uint64_t epoch) {
    // A slot of a generation that is being made is had before its layout is noted.
    return unlocked([&] {
        const std::lock_guard configuring(configuring_);
        const std::lock_guard lock(noting_);
        const auto found = std::find_if(layouts_.rbegin(), layouts_.rend(),
                                        [epoch](const Layout& layout) { return layout.epoch == epoch; });
        return found == layouts_.rend() ? Layout{} : *found;
    });
}

Publisher::Layout Publisher::newest_layout() {
    const std::lock_guard lock(noting_);
    return layouts_.empty() ? Layout{} : layouts_.back();
}

Result<std::unique_ptr<Slot>> Publisher::take(bool wait) {
    const Handle handle = held();
    Result<cuframes_slot*> slot = unlocked([&]() -> Result<cuframes_slot*> {
        cuframes_slot* free = nullptr;
        const int code = cuframes_publisher_acquire(handle.get(), CUFRAMES_ACQUIRE_NO_WAIT, &free);
        return code < 0 ? Result<cuframes_slot*>(last_error(code)) : free;
    });
    if (!slot && slot.error().code == CUFRAMES_ERROR_NO_FREE_SLOT && wait && waits_) {
        slot = wait_for_slot(handle);
    }
    if (!slot) {
        return slot.error();
    }
    const Layout layout = layout_of(cuframes_slot_epoch(*slot));
    return std::make_unique<Slot>(*slot, layout.geometry, layout.device);
}

std::unique_ptr<Slot> Publisher::acquire(bool wait) {
    auto slot = take(wait);
    if (!slot) {
        raise(slot.error());
    }
    return std::move(*slot);
}

bool Publisher::send(const std::vector<nb::object>& capsules, int64_t pts, int64_t dts, int64_t duration,
                     uint32_t flags, nb::bytes metadata, int64_t stream) {
    const ConsumedCapsules tensors(capsules);
    for (;;) {
        const Layout layout = newest_layout();
        tensors::SourceFrame source = tensors.read(layout.geometry);
        const auto gathered = gather_for_gpu(source, layout);
        const core::StreamRef queue = stream_of_copy(source, layout, stream);
        auto slot = take(true);
        if (!slot && slot.error().code == CUFRAMES_ERROR_NO_FREE_SLOT) {
            drop();
            return false;
        }
        if (!slot && newest_layout().epoch == layout.epoch) {
            raise(slot.error());
        }
        if (!slot || (*slot)->epoch() != layout.epoch) {
            continue; // Another thread has configured the ring anew: do the tensors fit that?
        }
        (*slot)->write(source, queue);
        // Waits for the copy, so that the tensors may go when this returns.
        (*slot)->publish(pts, dts, duration, flags, metadata);
        return true;
    }
}

std::shared_ptr<tensors::OwnedFrame> Publisher::gather_for_gpu(tensors::SourceFrame& source, const Layout& layout) {
    if (source.steps.empty() || layout.device.device_type != kDLCUDA) {
        return nullptr;
    }
    auto rows = unlocked([&] { return tensors::OwnedFrame::copy(source, layout.geometry, {kDLCPU, 0}, 0); });
    if (!rows) {
        raise(rows.error());
    }
    const core::Planes planes = core::planes_at(layout.geometry, (*rows)->pixels().data);
    source = {{kDLCPU, 0}, {planes.begin(), planes.begin() + layout.geometry.plane_count}, {}};
    return *rows;
}

core::StreamRef Publisher::stream_of_copy(const tensors::SourceFrame& source, const Layout& layout, int64_t stream) {
    const bool from_gpu = tensors::is_on_gpu(source.device);
    if (!from_gpu && layout.device.device_type != kDLCUDA) {
        return {};
    }
    auto resolved = tensors::resolve_stream(from_gpu ? source.device.device_id : layout.device.device_id, stream);
    if (!resolved) {
        raise(resolved.error());
    }
    return *resolved;
}

void Publisher::drop() {
    const Handle handle = held();
    check(unlocked([&] { return cuframes_publisher_drop(handle.get()); })); // Waits where a ring is allocated.
}

void bind_publisher(nb::module_& module) {
    nb::class_<Slot, Source>(module, "Slot", "A slot being written.")
        .def("record_stream", &Slot::record_stream, nb::arg("stream"))
        .def("publish", &Slot::publish, nb::arg("pts"), nb::arg("dts"), nb::arg("duration"), nb::arg("flags"),
             nb::arg("metadata"))
        .def("release", &Slot::release)
        .def_prop_ro("released", &Slot::released)
        .def_prop_ro("index", &Slot::index)
        .def_prop_ro("epoch", &Slot::epoch);
    nb::class_<Publisher, Writer>(module, "Publisher", "A publisher of frames.")
        .def(nb::init<const std::string&, const std::string&, const std::string&, uint32_t, uint32_t, int, uint32_t,
                      uint32_t>(),
             nb::arg("key"), nb::arg("directory"), nb::arg("access"), nb::arg("slots"), nb::arg("max_slots"),
             nb::arg("policy"), nb::arg("wait_timeout_ms"), nb::arg("max_subscribers"))
        .def("configure", &Publisher::configure, nb::arg("format"), nb::arg("width"), nb::arg("height"),
             nb::arg("memory"), nb::arg("cuda_device"), nb::arg("caps"))
        .def("acquire", &Publisher::acquire, nb::arg("wait"))
        .def("send", &Publisher::send, nb::arg("capsules"), nb::arg("pts"), nb::arg("dts"), nb::arg("duration"),
             nb::arg("flags"), nb::arg("metadata"), nb::arg("stream"))
        .def("drop", &Publisher::drop);
}

} // namespace cuframes::python
