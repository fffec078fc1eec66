// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"
#include "temp_dir.h"

#include <cuframes/cuframes.h>
#include <gtest/gtest.h>

#include <string>

namespace cuframes::test {

/// Frames in either memory; or, in suites about what holds for every content, packets, and records, the smallest content
/// there can be (tests/records).
enum class Backend { host, cuda, packets, records };

inline std::string name_of(Backend backend) {
    static const char* const names[] = {"host", "cuda", "packets", "records"};
    return names[static_cast<size_t>(backend)];
}

/// Where the frames of a backend lie that has frames.
inline cuframes_memory memory_of(Backend backend) {
    return backend == Backend::cuda ? CUFRAMES_MEMORY_CUDA : CUFRAMES_MEMORY_HOST;
}

/// The agent that publishes and reads records.
std::string records_agent();

/// Why this backend cannot be tested on this machine; empty when it can.
std::string absence_of(Backend backend);

/// Whether the process has the stand-in driver, whose behaviour $FAKE_CUDA_… changes.
bool driver_is_stand_in();

/// A socket directory of the test's own, and how to start processes in it. The suite's promises hold for both kinds of
/// memory; in GPU memory they are tested with whatever libcuda.so.1 a process finds.
class RingTest : public ::testing::TestWithParam<Backend> {
protected:
    void SetUp() override;

public:
    ChildOptions in_directory() const;
    std::string memory() const { return name_of(GetParam()); }
    std::string directory() const { return (temp_.path() / "ring").string(); }
    const TempDir& temp() const { return temp_; }

private:
    TempDir temp_;
};

/// The same for promises that have nothing to do with the kind of memory.
class HostTest : public ::testing::Test {
public:
    ChildOptions in_directory() const;
    std::string memory() const { return "host"; }
    std::string directory() const { return (temp_.path() / "ring").string(); }
    const TempDir& temp() const { return temp_; }

private:
    TempDir temp_;
};

/// A child that a test ends in good order: it must exit with 0, which under sanitizers says that it is clean.
class Process : public Agent {
public:
    explicit Process(const ChildOptions& options) : Agent(options) {}
    ~Process();
};

/// A process that publishes: created with `options` and configured with `frames`, both as the agent's verbs take them.
class PublisherProcess : public Process {
public:
    template <class Test>
    explicit PublisherProcess(const Test& test, const std::string& options = {}, const std::string& frames = {},
                              const ChildOptions* child = nullptr)
        : Process(child ? *child : test.in_directory()) {
        call("publisher " + options);
        call("configure memory=" + test.memory() + ' ' + frames);
    }

    uint64_t stat(const std::string& name) { return static_cast<uint64_t>(call("publisher_stats").number(name)); }
    /// Waits until exactly `count` subscribers are attached: nobody just left, nobody is missing.
    void await_subscribers(uint64_t count);
};

/// A process that subscribes.
class SubscriberProcess : public Process {
public:
    template <class Test>
    explicit SubscriberProcess(const Test& test, const std::string& options = {}, const ChildOptions* child = nullptr)
        : Process(child ? *child : test.in_directory()) {
        call("subscriber " + options);
    }

    uint64_t stat(const std::string& name) { return static_cast<uint64_t>(call("subscriber_stats").number(name)); }
    /// Connects without taking a frame: next() with no time to wait. The publisher must already be there.
    void attach();
};

/// Whether every thread of the process sleeps: it waits in the kernel for something to happen.
bool all_threads_sleep(pid_t pid);

/// Runs a suite over both kinds of memory, with names that end in /host and /cuda.
#define CUFRAMES_OVER_BACKENDS(Suite)                                                                                  \
    INSTANTIATE_TEST_SUITE_P(                                                                                          \
        Backends, Suite, ::testing::Values(Backend::host, Backend::cuda),                                              \
        [](const ::testing::TestParamInfo<Backend>& instance) { return name_of(instance.param); })
/// For what has nothing to do with what is carried: over packets and records too.
#define CUFRAMES_OVER_CONTENTS(Suite)                                                                                  \
    INSTANTIATE_TEST_SUITE_P(                                                                                          \
        Contents, Suite, ::testing::Values(Backend::host, Backend::cuda, Backend::packets, Backend::records),          \
        [](const ::testing::TestParamInfo<Backend>& instance) { return name_of(instance.param); })
#define CUFRAMES_OVER_PACKETS(Suite)                                                                                   \
    INSTANTIATE_TEST_SUITE_P(                                                                                          \
        Packets, Suite, ::testing::Values(Backend::packets),                                                           \
        [](const ::testing::TestParamInfo<Backend>& instance) { return name_of(instance.param); })
#define CUFRAMES_OVER_CUDA(Suite)                                                                                      \
    INSTANTIATE_TEST_SUITE_P(                                                                                          \
        Backends, Suite, ::testing::Values(Backend::cuda),                                                             \
        [](const ::testing::TestParamInfo<Backend>& instance) { return name_of(instance.param); })

} // namespace cuframes::test
