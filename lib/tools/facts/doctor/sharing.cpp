// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/doctor/examinations.h"
#include "facts/words.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <numeric>
#include <vector>

namespace cuframes::tools::doctor {

namespace {

constexpr uint32_t side = 64;

/// Gone with all in it when this ends.
class PrivateDirectory {
public:
    PrivateDirectory() {
        std::error_code error;
        const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
        path_ = (error ? "/tmp" : parent) / "cuframes-doctor-XXXXXX";
        made_ = ::mkdtemp(path_.data()) != nullptr;
    }
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;
    ~PrivateDirectory() {
        std::error_code error;
        if (made_) {
            std::filesystem::remove_all(path_, error);
        }
    }

    bool made() const { return made_; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
    bool made_;
};

cuframes_geometry grey_picture() {
    auto out = make<cuframes_geometry>();
    out.plane_count = 1;
    out.width = out.height = side;
    std::string("GRAY8").copy(out.format, sizeof(out.format) - 1);
    out.planes[0] = {0, side, side, side, 0};
    out.frame_size = uint64_t{side} * side;
    return out;
}

cuframes_image image_of(std::vector<unsigned char>& pixels) {
    auto out = make<cuframes_image>();
    out.plane_count = 1;
    out.memory = CUFRAMES_MEMORY_HOST;
    out.pitch[0] = out.rows[0] = side;
    out.planes[0] = pixels.data();
    return out;
}

Status publish_one(Publisher& publisher, std::vector<unsigned char>& pixels) {
    auto slot = publisher.acquire();
    if (!slot) {
        return slot.error();
    }
    if (const Status written = slot->write(image_of(pixels)); !written) {
        return written.error();
    }
    return slot->publish(frame_info(now_ns()));
}

/// One frame through a ring; how long that took.
Result<double> share_one(cuframes_memory memory, uint64_t device, const PrivateDirectory& directory, Timeout timeout) {
    auto options = publisher_options("doctor");
    options.directory = directory.path().c_str();
    auto publisher = Publisher::create(options);
    if (!publisher) {
        return publisher.error();
    }
    const cuframes_geometry geometry = grey_picture();
    auto config = ring_config(memory, &geometry);
    config.cuda_device = memory == CUFRAMES_MEMORY_CUDA ? cuframes_some(device) : cuframes_optional{};
    if (const Status configured = publisher->configure(config); !configured) {
        return configured.error();
    }
    auto reader_options = subscriber_options("doctor");
    reader_options.directory = directory.path().c_str();
    auto reader = Subscriber::create(reader_options);
    if (!reader) {
        return reader.error();
    }
    if (const Status attached = reader->connect(timeout); !attached) {
        return attached.error();
    }
    std::vector<unsigned char> sent(size_t{side} * side);
    std::iota(sent.begin(), sent.end(), 0);
    if (const Status published = publish_one(*publisher, sent); !published) {
        return published.error();
    }
    auto frame = reader->next(timeout);
    if (!frame) {
        return frame.error();
    }
    const double took = seconds_between(frame->view().publish_time, now_ns());
    std::vector<unsigned char> got(sent.size());
    if (const Status read = frame->read(image_of(got)); !read) {
        return read.error();
    }
    return got == sent ? Result<double>(took)
                       : Error{CUFRAMES_ERROR_PROTOCOL, "the picture that came is not the one that was sent"};
}

void report(Findings& findings, const std::string& where, const Result<double>& shared, const char* advice) {
    if (shared) {
        findings.ok("sharing",
                    fmt::format("a frame in {} was published and read, in {}", where, duration_word(*shared)));
    } else {
        findings.fail("sharing", fmt::format("a frame in {} could not be shared: {}", where, shared.error().message),
                      advice);
    }
}

} // namespace

void try_sharing(Findings& findings, const GpuDriver& driver, const DoctorOptions& options) {
    const PrivateDirectory directory;
    if (!directory.made()) {
        findings.fail("sharing", fmt::format("no directory can be made for a trial: {}", directory.path()),
                      "let this user write to /tmp, or name another folder with TMPDIR");
        return;
    }
    const Timeout timeout = to_timeout(options.timeout);
    report(findings, "host memory", share_one(CUFRAMES_MEMORY_HOST, 0, directory, timeout),
           "look at the lines above, and at CUFRAMES_LOG=debug cuframes doctor");
    for (size_t device = 0; device < driver.gpus.size(); ++device) {
        const Status possible = Status::of(cuframes_cuda_self_test(static_cast<int32_t>(device)));
        report(findings, fmt::format("memory of GPU {}", device),
               possible ? share_one(CUFRAMES_MEMORY_CUDA, device, directory, timeout)
                        : Result<double>(possible.error()),
               "share in host memory (memory=system) until it works");
    }
}

} // namespace cuframes::tools::doctor
