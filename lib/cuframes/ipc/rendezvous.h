// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * Where publisher and subscriber meet: `<directory>/<key>.sock`, and the lock beside it.
 *
 * The lock is a record lock, held for as long as the publisher's process lives: the kernel gives it back whatever kills
 * it, and a forked child does not keep it. What is found on disk without the lock is a dead publisher's and is replaced.
 * The socket is made under another name and moved into place, so that a subscriber that sees it can connect to it.
 */
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"

namespace cuframes {

/** $CUFRAMES_DIR, else $XDG_RUNTIME_DIR/cuframes, else /run/cuframes, else /tmp/cuframes-<uid>. */
std::string default_directory();

std::string socket_path(const std::string& directory, const std::string& key);

/** A key held by this process, and the socket that listens for it. Gives both back when destroyed. */
class KeyHolder {
public:
    static Result<KeyHolder> take(const std::string& directory, const std::string& key, const AccessRule& access);

    KeyHolder(KeyHolder&&) = default;
    KeyHolder& operator=(KeyHolder&&) = delete;
    ~KeyHolder();

    /** Gives key and socket back now. */
    void release();

    int listening_fd() const { return listening_.get(); }
    const std::string& path() const { return socket_path_; }

private:
    KeyHolder() = default;

    UniqueFd lock_;
    UniqueFd listening_;
    std::string lock_path_;
    std::string lock_name_; ///< In the list of keys held by this process.
    std::string socket_path_;
};

/**
 * Watches a directory, which need not exist yet, for sockets to appear. A user has few inotify instances (128 on most
 * systems, for everything that he runs): so one is there only while somebody waits.
 */
class SocketWatch {
public:
    explicit SocketWatch(std::string directory) : directory_(std::move(directory)) {}

    /** -1 while there is no instance. To be polled, and taken out of the set before close(). */
    int fd() const { return inotify_.get(); }

    bool armed() const { return watch_ >= 0; }

    /**
     * Starts to watch the directory, or its nearest parent that exists. Call before looking for the socket, and again
     * after each event: what is watched may have changed. An error says which limit has been met, or what forbids it:
     * then nothing is watched, and the caller has to look again by itself from time to time.
     */
    Result<> arm();

    /** Stops to watch, and keeps the instance for close(). Takes microseconds. */
    void disarm();

    /**
     * Gives the instance back. The kernel waits here, 10 to 20 ms, for watches removed within the last few: so when
     * somebody waits for a frame, disarm() first and close later.
     */
    void close();

private:
    Result<bool> watch_nearest();
    void drain() const;

    UniqueFd inotify_;
    std::string directory_;
    int watch_ = -1;
};

} // namespace cuframes
