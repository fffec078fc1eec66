// SPDX-License-Identifier: LGPL-2.1-or-later
#include "publisher_role.h"

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace cuframes::test {
namespace {

const char* optional_text(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

Message ok() { return Message("ok"); }

} // namespace

DeviceSource::DeviceSource(const CudaDriver& loaded, const Picture& picture)
    : driver(loaded),
      context(loaded.use_primary_context(0)),
      buffer(loaded, picture.geometry().frame_size),
      stream(loaded, cuda_stream_non_blocking) {}

cuframes_image DeviceSource::upload(const Picture& picture) {
    const std::vector<uint8_t> bytes = picture.padded();
    driver.check(driver.context_set_current(context), "cuCtxSetCurrent");
    driver.check(driver.copy_to_device(buffer.address(), bytes.data(), bytes.size()), "cuMemcpyHtoD");
    // From pageable memory that may return before the last bytes are there, and our stream is not ordered after it.
    driver.check(driver.context_synchronize(), "cuCtxSynchronize");
    cuframes_image image;
    CUFRAMES_INIT(image);
    image.memory = CUFRAMES_MEMORY_CUDA;
    image.plane_count = picture.geometry().plane_count;
    for (uint32_t i = 0; i < image.plane_count; ++i) {
        image.pitch[i] = picture.geometry().planes[i].pitch;
        image.planes[i] = reinterpret_cast<void*>(buffer.address() + picture.geometry().planes[i].offset);
    }
    image.cuda_stream = {stream.get(), context};
    return image;
}

PublisherRole::~PublisherRole() {
    for (cuframes_slot* slot : slots_) {
        cuframes_slot_release(slot);
    }
    cuframes_publisher_destroy(publisher_);
}

void PublisherRole::add_verbs(Verbs& verbs) {
    const auto add = [&](const char* verb, auto method) { add_verb(verbs, verb, this, method); };
    add("publisher", &PublisherRole::create);
    add("configure", &PublisherRole::configure);
    add("publish", &PublisherRole::publish);
    add("acquire", &PublisherRole::acquire);
    add("write", &PublisherRole::write);
    add("commit", &PublisherRole::commit);
    add("spoil", &PublisherRole::spoil);
    add("finish_spoiling", &PublisherRole::finish_spoiling);
    add("release_slot", &PublisherRole::release);
    add("publisher_stats", &PublisherRole::stats);
    add("subscribers", &PublisherRole::subscribers);
    add("departures", &PublisherRole::departures);
    add("destroy_publisher", &PublisherRole::destroy);
    verbs["eos"] = [this](const Message&) {
        must(cuframes_publisher_eos(publisher_));
        return ok();
    };
    verbs["wait_subscribers"] = [this](const Message& request) {
        must(cuframes_publisher_wait_subscribers(publisher_, static_cast<uint32_t>(request.number("count", 1)),
                                                 request.number("timeout", 20'000)));
        return ok();
    };
}

void PublisherRole::interrupt(bool on) {
    stop_ = on;
    if (publisher_) {
        cuframes_publisher_set_interrupted(publisher_, on);
    }
}

Message PublisherRole::create(const Message& request) {
    const std::string key = request.text("key", "cam");
    const std::string directory = request.text("dir");
    const std::string access = request.text("access");
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.key = key.c_str();
    options.directory = optional_text(directory);
    options.access = optional_text(access);
    options.slots = static_cast<uint32_t>(request.number("slots"));
    options.policy = request.text("policy") == "wait" ? CUFRAMES_POLICY_WAIT : CUFRAMES_POLICY_DROP;
    options.wait_timeout_ms = static_cast<uint32_t>(request.number("wait_ms"));
    options.max_subscribers = static_cast<uint32_t>(request.number("max_subscribers"));
    options.on_subscriber_removed = removed;
    options.user_data = this;
    cuframes_publisher* publisher = nullptr;
    must(cuframes_publisher_create(&options, &publisher));
    publisher_ = publisher;
    incarnation_ = static_cast<uint32_t>(request.number("incarnation", 1));
    last_sequence_ = 0;
    return ok().set("path", cuframes_publisher_socket_path(publisher));
}

Message PublisherRole::configure(const Message& request) {
    const std::string memory = request.text("memory", "host");
    const bool cuda = memory == "cuda";
    if (!cuda && memory != "host") {
        throw std::runtime_error("the agent knows no memory called " + memory);
    }
    const std::string caps = request.text("caps", "video/x-raw");
    cuframes_ring_config config;
    CUFRAMES_INIT(config);
    config.memory = cuda ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
    const cuframes_geometry geometry =
        make_geometry(request.text("format", "NV12"), static_cast<uint32_t>(request.number("width", 64)),
                      static_cast<uint32_t>(request.number("height", 48)),
                      static_cast<uint32_t>(request.number("alignment", cuda ? 512 : 64)),
                      static_cast<uint32_t>(request.number("lead")));
    config.geometry = &geometry;
    config.caps = caps.c_str();
    config.cuda_device = cuframes_some(static_cast<uint64_t>(request.number("device", -1)));
    config.producer_slots = static_cast<uint32_t>(request.number("producer_slots"));
    config.metadata_size = static_cast<uint32_t>(request.number("metadata_size"));
    must(cuframes_publisher_configure(publisher_, &config));
    device_.reset();
    picture_.emplace(geometry);
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    must(cuframes_publisher_get_stats(publisher_, &stats));
    return ok().set("epoch", stats.epoch);
}

void PublisherRole::draw_into(cuframes_slot* slot, uint64_t sequence, const std::string& source) {
    picture_->draw(frame_number(incarnation_, sequence));
    if (source == "direct") {
        picture_->copy_to_slot(cuframes_slot_data(slot));
    } else if (source == "device") {
        if (!device_) {
            device_ = std::make_unique<DeviceSource>(*CudaDriver::get(), *picture_);
        }
        const cuframes_image image = device_->upload(*picture_);
        must(cuframes_slot_write(slot, &image));
    } else {
        const cuframes_image image = picture_->image();
        must(cuframes_slot_write(slot, &image));
    }
}

void PublisherRole::publish_slot(cuframes_slot* slot, uint64_t sequence, const std::string& source,
                                 size_t metadata_size) {
    // Every value follows from the number, so that a reader can check each without being told.
    const std::string metadata(metadata_size, static_cast<char>('a' + sequence % 26));
    cuframes_frame_info info;
    CUFRAMES_INIT(info);
    info.flags = static_cast<uint32_t>(sequence * 3);
    info.pts = cuframes_some(sequence * 1'000'000);
    info.dts = cuframes_some(sequence * 1'000'000 - 1);
    info.duration = cuframes_some(sequence * 7);
    info.offset = cuframes_some(sequence * 11);
    info.offset_end = cuframes_some(sequence * 11 + 1);
    info.metadata = metadata.data();
    info.metadata_size = metadata.size();
    const bool device = source == "device";
    must(cuframes_slot_publish(
        slot, &info, device ? cuframes_cuda_stream{device_->stream.get(), device_->context} : CUFRAMES_DEFAULT_STREAM));
}

bool PublisherRole::publish_one(const Message& request) {
    const std::string source = request.text("source", "host");
    const auto flags = static_cast<cuframes_acquire_flags>(request.number("flags"));
    cuframes_slot* slot = nullptr;
    const int acquired = cuframes_publisher_acquire(publisher_, flags, &slot);
    if (acquired == CUFRAMES_ERROR_NO_FREE_SLOT) {
        must(cuframes_publisher_drop(publisher_));
        ++last_sequence_;
        return false;
    }
    must(acquired);
    slots_.push_back(slot);
    draw_into(slot, last_sequence_ + 1, source);
    publish_slot(slot, last_sequence_ + 1, source, static_cast<size_t>(request.number("metadata")));
    ++last_sequence_;
    slots_.pop_back();
    cuframes_slot_release(slot);
    return true;
}

Message PublisherRole::publish(const Message& request) {
    // With count 0 it goes on until `interrupt`.
    const int64_t count = request.number("count", 1);
    const std::chrono::microseconds pace(request.number("pace_us"));
    int64_t published = 0, dropped = 0;
    stop_ = false;
    for (int64_t done = 0; !stop_ && (count == 0 || done < count); ++done) {
        ++(publish_one(request) ? published : dropped);
        if (request.number("ends")) {
            must(cuframes_publisher_eos(publisher_));
        }
        if (pace.count() > 0) {
            std::this_thread::sleep_for(pace);
        }
    }
    return ok().set("published", published).set("dropped", dropped).set("last", last_sequence_);
}

Message PublisherRole::acquire(const Message& request) {
    cuframes_slot* slot = nullptr;
    must(cuframes_publisher_acquire(publisher_, static_cast<cuframes_acquire_flags>(request.number("flags")), &slot));
    slots_.push_back(slot);
    return ok().set("slot", cuframes_slot_index(slot)).set("epoch", cuframes_slot_epoch(slot));
}

Message PublisherRole::write(const Message& request) {
    draw_into(slots_.front(), last_sequence_ + 1, request.text("source", "host"));
    return ok();
}

Message PublisherRole::commit(const Message& request) {
    publish_slot(slots_.front(), last_sequence_ + 1, request.text("source", "host"), 0);
    ++last_sequence_;
    return ok().set("last", last_sequence_);
}

Message PublisherRole::release(const Message& request) {
    for (int64_t count = request.number("count", 1); count > 0 && !slots_.empty(); --count) {
        cuframes_slot_release(slots_.front());
        slots_.erase(slots_.begin());
    }
    return ok();
}

Message PublisherRole::spoil(const Message& request) {
    cuframes_slot* slot = nullptr;
    must(cuframes_publisher_acquire(publisher_, CUFRAMES_ACQUIRE_DEFAULT, &slot));
    if (!device_) {
        device_ = std::make_unique<DeviceSource>(*CudaDriver::get(), *picture_);
    }
    const CudaDriver& driver = device_->driver;
    picture_->draw(frame_number(incarnation_, 999));
    const cuframes_image image = device_->upload(*picture_);
    backlog_ = std::make_unique<DeviceBuffer>(driver, static_cast<size_t>(request.number("backlog_bytes", 1 << 20)));
    for (int64_t i = request.number("backlog"); i > 0; --i) {
        driver.check(driver.fill_async(backlog_->address(), 0x5A, backlog_->size(), device_->stream.get()),
                     "cuMemsetD8Async");
    }
    if (request.text("by") == "record") {
        must(cuframes_slot_record_stream(slot, {device_->stream.get(), nullptr}));
        driver.check(driver.copy_async(reinterpret_cast<CudaDevicePointer>(cuframes_slot_data(slot)),
                                       device_->buffer.address(), picture_->geometry().frame_size,
                                       device_->stream.get()),
                     "cuMemcpyDtoDAsync");
    } else {
        must(cuframes_slot_write(slot, &image));
    }
    cuframes_slot_release(slot);
    return ok();
}

Message PublisherRole::finish_spoiling(const Message&) {
    device_->stream.synchronize();
    return ok();
}

Message PublisherRole::stats(const Message&) {
    cuframes_publisher_stats stats;
    CUFRAMES_INIT(stats);
    must(cuframes_publisher_get_stats(publisher_, &stats));
    return answer_of(stats);
}

Message PublisherRole::subscribers(const Message&) {
    cuframes_subscriber_info empty;
    CUFRAMES_INIT(empty);
    std::vector<cuframes_subscriber_info> infos(128, empty);
    const int count = must(cuframes_publisher_get_subscribers(publisher_, infos.data(), infos.size()));
    infos.resize(static_cast<size_t>(count));
    return answer_of(infos);
}

void PublisherRole::removed(const cuframes_subscriber_info* who, cuframes_leave_reason reason, void* self) {
    static_cast<PublisherRole*>(self)->departures_.add(*who, reason);
}

Message PublisherRole::departures(const Message&) { return departures_.answer(); }

Message PublisherRole::destroy(const Message&) {
    cuframes_publisher_destroy(publisher_.exchange(nullptr));
    return ok();
}

} // namespace cuframes::test
