// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/shared_encoder.h"

#include "media/codecs.h"
#include "media/failure.h"
#include "media/pipeline.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

namespace cuframes::tools {

namespace {

/// Gone at the end, with what is in it.
class PrivateFolder {
public:
    PrivateFolder() : path_((std::filesystem::path(g_get_tmp_dir()) / "cuframes-XXXXXX").string()) {
        if (!g_mkdtemp(path_.data())) {
            throw Failure(fmt::format("{}: {}", path_, std::strerror(errno)));
        }
    }
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::string identity(const Ring& frames) { return fmt::format("{}/{} {}", frames.directory, frames.key, frames.caps); }

} // namespace

struct SharedEncoder::Parts {
    PrivateFolder folder;
    Ring packets;
    Pipeline pipeline;
};

std::shared_ptr<SharedEncoder> SharedEncoder::of(const Ring& frames) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<SharedEncoder>> all;
    const std::lock_guard lock(mutex);
    std::weak_ptr<SharedEncoder>& place = all[identity(frames)];
    auto found = place.lock();
    if (!found) {
        place = found = std::make_shared<SharedEncoder>(frames);
    }
    return found;
}

SharedEncoder::SharedEncoder(const Ring& frames) : parts_(std::make_unique<Parts>()) {
    parts_->packets = {frames.key, parts_->folder.path(), true, "video/x-h264"};
    Pipeline& pipeline = parts_->pipeline;
    const CapsRef caps = frames.parsed_caps();
    GstElement* encoded = append_encoder(pipeline.bin(), pipeline.add(make_source(frames, "serve")), caps.get());
    GstElement* sink = pipeline.append(encoded, "cuframessink");
    g_object_set(sink, "key", frames.key.c_str(), "directory", parts_->folder.path().c_str(), "sync", FALSE, "max-time",
                 5000u, nullptr);
    pipeline.set_state(GST_STATE_PLAYING);
}

SharedEncoder::~SharedEncoder() = default;

const Ring& SharedEncoder::packets() const { return parts_->packets; }

} // namespace cuframes::tools
