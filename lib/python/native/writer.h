// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "waiting.h"

#include <cuframes/cuframes.h>
#include <nanobind/nanobind.h>

#include <memory>
#include <mutex>
#include <string>

namespace cuframes::python {

namespace nb = nanobind;

/// What publishers of any content are: a handle of the library that any thread may use.
class Writer {
public:
    explicit Writer(const std::string& key) : key_(key) {}
    Writer(const Writer&) = delete;
    ~Writer();

    void set_latency(int64_t latency); ///< Negative: not known.
    void eos();
    void wait_subscribers(uint32_t count, int64_t timeout_ms);
    nb::dict stats();
    nb::list subscribers();
    std::string socket_path();
    void close();
    bool closed();

protected:
    using Handle = std::shared_ptr<cuframes_publisher>;

    /// What every content asks for; they point into the strings and to this.
    cuframes_publisher_options options_of(const std::string& directory, const std::string& access, int policy,
                                          uint32_t wait_timeout_ms, uint32_t max_subscribers);
    /// To be called once, by the constructor.
    void open(const cuframes_publisher_options& options);
    Handle held();
    /// Calls that were interrupted may wait again, unless it was by close().
    void resume();
    const std::string& key() const { return key_; }

private:
    std::mutex mutex_;
    Handle handle_;
    Event arrivals_;
    const std::string key_;
};

/// As Python's code and users see them, by the names of their fields.
nb::dict to_dict(const cuframes_publisher_stats& stats);
nb::dict to_dict(const cuframes_subscriber_info& info);

void bind_writer(nb::module_& module);

} // namespace cuframes::python
