// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"
#include "answers.h"
#include "cuda_driver.h"
#include "picture.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cuframes::test {

/// Device memory to write slots from, as a decoder's output would be.
struct DeviceSource {
    DeviceSource(const CudaDriver& driver, const Picture& picture);
    /// Uploads the picture and describes the copy as an image of device memory.
    cuframes_image upload(const Picture& picture);

    const CudaDriver& driver;
    void* context;
    DeviceBuffer buffer;
    DeviceStream stream;
};

/// The child as publisher: draws numbered pictures and publishes them.
class PublisherRole {
public:
    PublisherRole() = default;
    PublisherRole(const PublisherRole&) = delete;
    PublisherRole& operator=(const PublisherRole&) = delete;
    ~PublisherRole();

    void add_verbs(Verbs& verbs);
    /// From any thread.
    void interrupt(bool on);

    cuframes_publisher* handle() const { return publisher_.load(); }
    cuframes_slot* oldest_slot() const { return slots_.empty() ? nullptr : slots_.front(); }

private:
    Message create(const Message& request);
    Message configure(const Message& request);
    Message publish(const Message& request);
    Message acquire(const Message& request);
    Message write(const Message& request);
    Message commit(const Message& request);
    /// Has the GPU write a slot, late, and gives that back unpublished at once.
    Message spoil(const Message& request);
    Message finish_spoiling(const Message& request);
    Message release(const Message& request);
    Message stats(const Message& request);
    Message subscribers(const Message& request);
    Message departures(const Message& request);
    Message destroy(const Message& request);

    bool publish_one(const Message& request);
    void draw_into(cuframes_slot* slot, uint64_t sequence, const std::string& source);
    void publish_slot(cuframes_slot* slot, uint64_t sequence, const std::string& source, size_t metadata_size);

    static void removed(const cuframes_subscriber_info* who, cuframes_leave_reason reason, void* self);

    std::atomic<cuframes_publisher*> publisher_ = nullptr;
    std::atomic<bool> stop_ = false;
    std::vector<cuframes_slot*> slots_;
    std::optional<Picture> picture_;
    std::unique_ptr<DeviceSource> device_;
    std::unique_ptr<DeviceBuffer> backlog_;
    uint32_t incarnation_ = 0;
    uint64_t last_sequence_ = 0;
    Departures departures_;
};

} // namespace cuframes::test
