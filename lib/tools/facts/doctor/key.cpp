// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"
#include "facts/watcher.h"
#include "facts/words.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace cuframes::tools::doctor {

namespace {

constexpr const char* topic = "key";

std::string keys_there(const DoctorOptions& options) {
    const auto rings = list(or_usual(options.directory), not_at_all);
    std::string keys;
    for (size_t i = 0; rings && i < rings->size(); ++i) {
        keys += fmt::format("{}{}", keys.empty() ? "" : ", ", (*rings)[i].key);
    }
    return keys.empty() ? "no key is there" : "there are: " + keys;
}

void examine_state(Findings& findings, const cuframes_ring_info& ring) {
    const std::string message = printable(ring.message);
    switch (ring.state) {
    case CUFRAMES_RING_LIVE:
    case CUFRAMES_RING_WAITING:
    case CUFRAMES_RING_ENDED:
        findings.ok(topic, fmt::format("{} is {}: {}, by {}", ring.key, cuframes_ring_state_name(ring.state),
                                       content_word(ring.content), publisher_word(ring)));
        break;
    case CUFRAMES_RING_DEAD:
        findings.fail(topic, fmt::format("{} is dead: {}", ring.key, message), "start its publisher again");
        break;
    case CUFRAMES_RING_SILENT:
        findings.fail(topic, fmt::format("{} is silent: {}", ring.key, message),
                      fmt::format("let it go on: kill -CONT {}, or end the debugger", ring.pid));
        break;
    case CUFRAMES_RING_REFUSED:
        findings.fail(topic, fmt::format("{} refuses us: {}", ring.key, message),
                      "its publisher's access says who may read (access=group:NAME or all); versions must be the same");
        break;
    }
}

/// What a reader must have, of what could be missing here.
void examine_needs(Findings& findings, const cuframes_ring_info& ring, const GpuDriver& driver) {
    const std::string gpu = gpu_name(ring);
    if (!gpu.empty()) {
        const auto same = std::find_if(driver.gpus.begin(), driver.gpus.end(),
                                       [&](const GpuDriver::Gpu& one) { return one.uuid == gpu; });
        if (same == driver.gpus.end()) {
            findings.fail(topic, fmt::format("its frames lie on {}, which this process does not see", gpu),
                          "let it see that GPU (CUDA_VISIBLE_DEVICES, --gpus), or publish in host memory");
        }
    }
    if (ring.stats) {
        const bool leases = ring.content == CUFRAMES_CONTENT_FRAMES;
        findings.ok(topic, fmt::format("a reader maps {} of {} and takes one of its seats, of which {} are taken{}",
                                       bytes_word(ring.stats->memory), gpu.empty() ? "host memory" : gpu,
                                       ring.subscriber_count, leases ? "; each frame that it holds is a lease" : ""));
    }
    if (ring.state == CUFRAMES_RING_WAITING) {
        findings.warn(topic, "nothing was published yet", "see what its publisher waits for");
    }
    if (ring.state == CUFRAMES_RING_ENDED) {
        findings.warn(topic, "its stream has ended", "nothing comes before its publisher begins anew");
    }
}

template <class Next>
Status take_one(const DoctorOptions& options, cuframes_content content, Next next) {
    const auto wanted = watcher_options(options.key, options.directory, "cuframes doctor", content);
    auto reader = Subscriber::create(wanted);
    if (!reader) {
        return reader.error();
    }
    if (const Status attached = reader->connect(to_timeout(options.timeout)); !attached) {
        return attached.error();
    }
    const auto taken = next(*reader);
    return taken ? Status() : Status(taken.error());
}

void try_to_read(Findings& findings, const cuframes_ring_info& ring, const DoctorOptions& options) {
    const Timeout timeout = to_timeout(options.timeout);
    const bool packets = ring.content == CUFRAMES_CONTENT_PACKETS;
    const Status taken =
        packets ? take_one(options, ring.content, [&](Subscriber& reader) { return reader.next_packet(timeout); })
                : take_one(options, CUFRAMES_CONTENT_FRAMES, [&](Subscriber& reader) { return reader.next(timeout); });
    const char* what = packets ? "packet" : "frame";
    if (taken) {
        findings.ok(topic, fmt::format("attached, and took a {}", what));
    } else if (taken.code() == CUFRAMES_ERROR_TIMEOUT) {
        findings.fail(topic, fmt::format("attached, and no {} came in {}", what, duration_word(options.timeout)),
                      "see what its publisher does: cuframes top");
    } else {
        findings.fail(topic, fmt::format("a reader fails: {}", taken.error().message),
                      "see cuframes info, and the line above");
    }
}

} // namespace

void examine_key(Findings& findings, const GpuDriver& driver, const DoctorOptions& options) {
    const auto found = inspect(options.key.c_str(), or_usual(options.directory), to_timeout(options.timeout));
    if (!found) {
        findings.fail(
            topic, found.error().message,
            fmt::format("start its publisher, or look where it is ({}); a service and a login session usually have "
                        "different directories: set CUFRAMES_DIR for both",
                        keys_there(options)));
        return;
    }
    const cuframes_ring_info& ring = (*found)[0];
    examine_state(findings, ring);
    if (!has_report(ring)) {
        return;
    }
    examine_needs(findings, ring, driver);
    if (ring.state == CUFRAMES_RING_LIVE) {
        try_to_read(findings, ring, options);
    }
}

} // namespace cuframes::tools::doctor
