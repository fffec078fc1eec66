// SPDX-License-Identifier: LGPL-2.1-or-later
/// `cuframes serve`: keys as streams of an RTSP server.
#include "media/failure.h"
#include "media/owners.h"
#include "media/ring.h"
#include "media/rtsp_keys.h"
#include "media/run.h"
#include "media/srt_key.h"
#include "shared/say.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

namespace cuframes::tools {

namespace {

class Server {
public:
    Server(Loop& loop, const ServeOptions& options) : loop_(loop), options_(options), server_(gst_rtsp_server_new()) {
        gst_rtsp_server_set_address(server_.get(), options.address.c_str());
        gst_rtsp_server_set_service(server_.get(), std::to_string(options.port).c_str());
        const Owner<GstRTSPMountPoints> mounts(make_key_mounts(options.directory, options.keys));
        gst_rtsp_server_set_mount_points(server_.get(), mounts.get());
        attached_ = gst_rtsp_server_attach(server_.get(), nullptr);
        if (attached_ == 0) {
            throw Failure(fmt::format("nobody can listen at {}:{}, as another server may do; --port takes another",
                                      options.address, options.port));
        }
        for (const std::string& key : options.srt_port ? options.keys : std::vector<std::string>()) {
            srt_.push_back(std::make_unique<SrtKey>(key, options.directory, options.address, srt_port(srt_.size())));
        }
    }

    ~Server() { g_source_remove(attached_); }

    void run() {
        print_new();
        const Timer callers(std::chrono::milliseconds(50), [this] {
            for (const auto& key : srt_) {
                key->look_around();
            }
        });
        const Timer look(std::chrono::seconds(2), [this] {
            print_new();
            // Of clients that went without a word.
            const Owner<GstRTSPSessionPool> sessions(gst_rtsp_server_get_session_pool(server_.get()));
            gst_rtsp_session_pool_cleanup(sessions.get());
        });
        loop_.run();
    }

private:
    unsigned srt_port(size_t index) const { return options_.srt_port + static_cast<unsigned>(index); }

    std::string host() const { return options_.address == "0.0.0.0" ? g_get_host_name() : options_.address; }

    /// What has come since, one line each.
    void print_new() {
        if (options_.quiet) {
            return;
        }
        for (const std::string& key : keys_there()) {
            if (printed_.insert(key).second) {
                fmt::print("rtsp://{}:{}/{}\n", host(), gst_rtsp_server_get_bound_port(server_.get()), key);
                if (options_.srt_port) {
                    fmt::print("srt://{}:{} {}\n", host(), srt_port(printed_.size() - 1), key);
                }
            }
        }
        std::fflush(stdout);
    }

    std::vector<std::string> keys_there() const {
        if (!options_.keys.empty()) {
            return options_.keys;
        }
        std::vector<std::string> keys;
        for (const Ring& ring : all_rings(options_.directory)) {
            keys.push_back(ring.key);
        }
        return keys;
    }

    Loop& loop_;
    const ServeOptions& options_;
    Owner<GstRTSPServer> server_;
    guint attached_ = 0;
    std::vector<std::unique_ptr<SrtKey>> srt_;
    std::set<std::string> printed_;
};

} // namespace

int run(const ServeOptions& options) {
    Loop loop;
    Server(loop, options).run();
    return exit_done;
}

} // namespace cuframes::tools
