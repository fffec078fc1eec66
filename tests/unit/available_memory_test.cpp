// SPDX-License-Identifier: LGPL-2.1-or-later
// Promise: a ring that does not fit is refused with the numbers; nobody is killed for it, and nothing that fits is
// refused.
#include "cuframes/cuframes.h"
#include "in_child.h"
#include "ipc/available_memory.h"
#include "ipc/shared_memory.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

namespace {

using namespace cuframes;
using namespace cuframes::core;
using test::in_child;
namespace stdfs = std::filesystem;

constexpr uint64_t mib = 1 << 20;

/// A made-up /proc and /sys: a machine of 32 GiB, 20 of them available.
class AvailableMemory : public testing::Test {
protected:
    AvailableMemory() {
        write("/proc/meminfo", "MemTotal:       33554432 kB\nMemFree:          100000 kB\nMemAvailable:   20971520 kB\n"
                               "CommitLimit:     2097152 kB\nCommitted_AS:    1048576 kB\n");
        write("/proc/sys/vm/overcommit_memory", "0\n");
    }

    void write(const std::string& path, const std::string& text) {
        stdfs::create_directories(root() + stdfs::path(path).parent_path().string());
        std::ofstream(root() + path) << text;
    }
    void mount(const std::string& line) {
        write("/proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n" + line);
    }

    void group_v2(const std::string& folder, const std::string& max, const std::string& high, uint64_t used) {
        write(folder + "/memory.max", max + "\n");
        write(folder + "/memory.high", high + "\n");
        write(folder + "/memory.current", text(used * mib, "\n"));
        write(folder + "/memory.stat", "anon 0\ninactive_file 0\nactive_file 0\n");
    }
    void group_v1(const std::string& folder, const std::string& limit, uint64_t used, uint64_t cached) {
        write(folder + "/memory.limit_in_bytes", limit + "\n");
        write(folder + "/memory.usage_in_bytes", text(used * mib, "\n"));
        write(folder + "/memory.stat",
              text("inactive_file 0\nactive_file 0\ntotal_inactive_file ", cached * mib, "\ntotal_active_file 0\n"));
    }

    Result<> ask(uint64_t mebibytes) { return check_available(mebibytes * mib, "frames", root()); }
    bool fits(uint64_t mebibytes) { return static_cast<bool>(ask(mebibytes)); }
    std::string refusal(uint64_t mebibytes) {
        auto answer = ask(mebibytes);
        EXPECT_TRUE(answer || answer.error().code == CUFRAMES_ERROR_NO_MEMORY);
        return answer ? "fits" : answer.error().message;
    }
    std::string root() const { return directory_.path().string(); }

private:
    test::TempDir directory_;
};

TEST_F(AvailableMemory, IsWhatTheMachineHasLessAReserve) {
    EXPECT_TRUE(fits(20 * 1024 - 256));
    EXPECT_FALSE(fits(20 * 1024 - 255));
    EXPECT_EQ(refusal(21 * 1024),
              "frames: 21504.0 MiB of memory are needed and 20224.0 MiB available (MemAvailable of "
              "/proc/meminfo: 20480.0 MiB left of 32768.0 MiB, of which 256.0 MiB stay in reserve)");
}

TEST_F(AvailableMemory, WhereNothingIsOvercommittedIsBoundByTheCommitLimit) {
    EXPECT_TRUE(fits(2000));
    write("/proc/sys/vm/overcommit_memory", "2\n");
    EXPECT_TRUE(fits(1024 - 64));
    EXPECT_NE(refusal(1024).find("CommitLimit"), std::string::npos);
}

TEST_F(AvailableMemory, IsBoundByEachGroupAboveTheProcess) {
    mount("30 1 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    write("/proc/self/cgroup", "0::/tall/small/own\n");
    group_v2("/sys/fs/cgroup/tall", "max", "max", 9000);
    group_v2("/sys/fs/cgroup/tall/small", "1073741824", "max", 512);
    group_v2("/sys/fs/cgroup/tall/small/own", "max", "max", 512);
    EXPECT_TRUE(fits(480));
    EXPECT_NE(refusal(481).find("/sys/fs/cgroup/tall/small/memory.max: 512.0 MiB left of 1024.0 MiB"),
              std::string::npos);
    write("/sys/fs/cgroup/tall/small/memory.stat", "anon 0\ninactive_file 104857600\nactive_file 104857600\n");
    EXPECT_TRUE(fits(680)) << "file cache is given up before anybody is killed";
    EXPECT_FALSE(fits(681));
    group_v2("/sys/fs/cgroup/tall/small/own", "max", "629145600", 512);
    EXPECT_NE(refusal(80).find("own/memory.high"), std::string::npos) << "above it nothing moves";
}

TEST_F(AvailableMemory, OfAVersion1GroupIsFoundInAndOutOfContainers) {
    // Beside an empty v2 hierarchy, as systemd mounts them.
    mount("31 1 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
          "32 1 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
          "33 1 0:31 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n");
    write("/proc/self/cgroup", "4:memory:/docker/abc\n1:cpu:/elsewhere\n0::/\n");
    group_v1("/sys/fs/cgroup/memory", "9223372036854771712", 9000, 0);
    group_v1("/sys/fs/cgroup/memory/docker/abc", "268435456", 200, 100);
    EXPECT_TRUE(fits(148));
    EXPECT_NE(refusal(149).find("docker/abc/memory.limit_in_bytes"), std::string::npos);

    // In a container the group itself is mounted, and /proc may still say where it lies on the host.
    stdfs::remove_all(root() + "/sys/fs/cgroup/memory");
    mount("33 1 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    group_v1("/sys/fs/cgroup/memory", "268435456", 200, 100);
    EXPECT_TRUE(fits(148));
    EXPECT_FALSE(fits(149));
    group_v1("/sys/fs/cgroup/memory/inner", "134217728", 100, 0);
    write("/proc/self/cgroup", "4:memory:/docker/abc/inner\n");
    EXPECT_FALSE(fits(25));
}

TEST_F(AvailableMemory, OfAGroupThatCannotBeSeenIsThatOfTheGroupMounted) {
    mount("30 1 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    group_v2("/sys/fs/cgroup", "268435456", "max", 128);
    for (const char* path : {"0::/\n", "0::/../outside\n", "0::/gone\n"}) {
        write("/proc/self/cgroup", path);
        EXPECT_TRUE(fits(120)) << path;
        EXPECT_FALSE(fits(121)) << path;
    }
}

TEST_F(AvailableMemory, WithoutLimitsThatCanBeReadIsNotLookedFor) {
    stdfs::remove_all(root() + "/proc");
    EXPECT_TRUE(fits(1 << 30));
}

TEST_F(AvailableMemory, OfSmallThingsIsNotLookedFor) {
    write("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 0 kB\n");
    EXPECT_TRUE(check_available(4096, "leases", root())) << "no more than malloc() takes without asking";
    EXPECT_FALSE(fits(1));
}

// ------------------------------------------------------------------------------------------------ in a cgroup for real

/// A memory cgroup of a test's own, for its children.
class MemoryCgroup {
public:
    explicit MemoryCgroup(uint64_t limit) {
        const bool v1 = stdfs::is_directory("/sys/fs/cgroup/memory");
        const std::string base = v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
        for (std::string parent = own(v1);; parent.erase(parent.find_last_of('/'))) {
            folder_ = text(base, parent, "/cuframes-test-", ::getpid());
            if (::mkdir(folder_.c_str(), 0755) == 0) {
                if (put(v1 ? "memory.limit_in_bytes" : "memory.max", std::to_string(limit))) {
                    return;
                }
                ::rmdir(folder_.c_str());
            }
            if (parent.empty()) {
                folder_.clear();
                return;
            }
        }
    }
    ~MemoryCgroup() {
        if (*this) {
            EXPECT_TRUE(test::eventually([this] { return ::rmdir(folder_.c_str()) == 0; }));
        }
    }
    explicit operator bool() const { return !folder_.empty(); }
    bool enter() const { return put("cgroup.procs", "0"); }

private:
    bool put(const std::string& name, const std::string& value) const {
        const UniqueFd fd(::open(text(folder_, "/", name).c_str(), O_WRONLY | O_CLOEXEC));
        return fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
    }
    static std::string own(bool v1) {
        std::ifstream groups("/proc/self/cgroup");
        for (std::string line; std::getline(groups, line);) {
            if (const size_t at = line.find(v1 ? ":memory:" : "0::"); at != std::string::npos) {
                const std::string path = line.substr(line.find_last_of(':') + 1);
                return path == "/" ? "" : path;
            }
        }
        return {};
    }

    std::string folder_;
};

/// What a child says that did something in a group of 256 MiB.
std::optional<std::string> in_cgroup(const std::function<std::string()>& body) {
    const MemoryCgroup group(256 * mib);
    if (!group) {
        return std::nullopt;
    }
    const std::string said = in_child([&] { return group.enter() ? body() : std::string("no entry"); });
    return said == "no entry" ? std::nullopt : std::optional(said);
}
constexpr const char* no_cgroup = "no memory cgroup can be made or entered here";

std::string publish_square(const std::string& directory, uint32_t side, uint32_t slots) {
    cuframes_publisher_options options;
    CUFRAMES_INIT(options);
    options.key = "large";
    options.directory = directory.c_str();
    options.slots = slots;
    cuframes_publisher* publisher = nullptr;
    if (cuframes_publisher_create(&options, &publisher) != CUFRAMES_OK) {
        return cuframes_last_error_message();
    }
    cuframes_ring_config ring;
    CUFRAMES_INIT(ring);
    ring.memory = CUFRAMES_MEMORY_HOST;
    cuframes_geometry geometry;
    CUFRAMES_INIT(geometry);
    ring.geometry = &geometry;
    geometry.width = geometry.height = side;
    geometry.plane_count = 1;
    std::snprintf(geometry.format, sizeof(geometry.format), "GRAY8");
    geometry.planes[0] = {.offset = 0, .pitch = side, .row_bytes = side, .rows = side, .reserved = 0};
    geometry.frame_size = uint64_t{side} * side;
    const int result = cuframes_publisher_configure(publisher, &ring);
    std::string said = text(cuframes_error_name(result), " ", result ? cuframes_last_error_message() : "");
    cuframes_publisher_destroy(publisher);
    return said;
}

TEST(RingLargerThanItsCgroup, IsRefusedWithTheNumbersAndNobodyIsKilled) {
    const test::TempDir directory;
    const auto large = in_cgroup([&] { return publish_square(directory.path(), 10240, 8); });
    if (!large) {
        GTEST_SKIP() << no_cgroup;
    }
    EXPECT_TRUE(large->starts_with("CUFRAMES_ERROR_NO_MEMORY ")) << *large;
    EXPECT_NE(large->find("800.0 MiB of memory are needed"), std::string::npos) << *large;
    EXPECT_NE(large->find("left of 256.0 MiB"), std::string::npos) << *large;
    EXPECT_NE(large->find("use fewer slots or smaller pictures"), std::string::npos) << *large;
    const auto fewest = in_cgroup([&] { return publish_square(directory.path(), 10240, 3); });
    EXPECT_EQ(fewest->find("fewer slots"), std::string::npos) << "there are no fewer: " << *fewest;
    EXPECT_EQ(in_cgroup([&] { return publish_square(directory.path(), 4096, 8); }), "CUFRAMES_OK ") << "128 MiB fit";
}

TEST(RingThatGrowsBeyondItsCgroup, KeepsWhatItHas) {
    const auto said = in_cgroup([] {
        auto memory = create_shared_memory("ring", 1024 * mib, 32 * mib, Writers::only_present_mappings);
        if (!memory) {
            return memory.error().message;
        }
        if (auto grown = commit(memory->fd.get(), 32 * mib, 64 * mib, "ring"); !grown) {
            return grown.error().message;
        }
        std::memset(memory->mapping.data(), 1, 96 * mib);
        auto beyond = commit(memory->fd.get(), 96 * mib, 512 * mib, "ring");
        std::memset(memory->mapping.data(), 2, 96 * mib);
        return beyond ? "grown" : beyond.error().message;
    });
    if (!said) {
        GTEST_SKIP() << no_cgroup;
    }
    EXPECT_TRUE(said->starts_with("ring: 512.0 MiB of memory are needed and ")) << *said;
}

TEST(TwoRingsThatFitOneByOne, DoNotKillEachOtherWhenMadeAtOnce) {
    // Both see enough memory at first. Whichever is late finds less when it looks again.
    const auto said = in_cgroup([] {
        std::vector<std::thread> makers;
        std::array<Result<SharedMemory>, 2> made = {Error{}, Error{}};
        for (size_t i = 0; i < made.size(); ++i) {
            makers.emplace_back(
                [&, i] { made[i] = create_shared_memory("ring", 180 * mib, 180 * mib, Writers::anybody); });
        }
        for (auto& maker : makers) {
            maker.join();
        }
        return text(made[0] && made[1] ? "both" : "not both");
    });
    if (!said) {
        GTEST_SKIP() << no_cgroup;
    }
    EXPECT_EQ(*said, "not both");
}

// ---------------------------------------------------------------------------------------------------- other limits

TEST(FileSizeLimit, IsAnErrorAndNotASignal) {
    const std::string said = in_child([] {
        const rlimit limit = {mib, mib};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        auto memory = create_shared_memory("ring", 8 * mib, 0, Writers::anybody);
        return memory ? "made" : text(cuframes_error_name(memory.error().code), " ", memory.error().message);
    });
    EXPECT_EQ(said,
              "CUFRAMES_ERROR_NO_MEMORY ring: 8.0 MiB are needed, and this process may make files of 1.0 MiB only "
              "(ulimit -f)");
}

TEST(AddressSpaceLimit, IsNamed) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer's own addresses are beyond any limit";
#endif
    const std::string said = in_child([] {
        const rlimit limit = {uint64_t{1} << 30, uint64_t{1} << 30};
        ::setrlimit(RLIMIT_AS, &limit);
        auto memory = create_shared_memory("ring", uint64_t{2} << 30, 0, Writers::anybody);
        return memory ? "made" : memory.error().message;
    });
    EXPECT_NE(said.find("1024.0 MiB of addresses: ulimit -v"), std::string::npos) << said;
}

TEST(Commit, IsNotStoppedBySignals) {
    const std::string said = in_child([] {
        struct sigaction tick = {};
        tick.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &tick, nullptr);
        const itimerval often = {{0, 1000}, {0, 1000}};
        ::setitimer(ITIMER_REAL, &often, nullptr);
        auto memory = create_shared_memory("ring", 128 * mib, 128 * mib, Writers::anybody);
        const itimerval never = {};
        ::setitimer(ITIMER_REAL, &never, nullptr);
        struct stat status = {};
        if (!memory || ::fstat(memory->fd.get(), &status) != 0) {
            return memory ? "no status" : memory.error().message;
        }
        return text(static_cast<uint64_t>(status.st_blocks) * 512 / mib, " MiB");
    });
    EXPECT_EQ(said, "128 MiB");
}

} // namespace
