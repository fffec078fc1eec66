// SPDX-License-Identifier: LGPL-2.1-or-later
/// Where publisher and subscriber meet: `<directory>/<key>.sock`, and the lock beside it.
///
/// The lock is a record lock, held for as long as the publisher's process lives: the kernel gives it back whatever kills
/// it, and a forked child does not keep it. What is found on disk without the lock is a dead publisher's and is replaced.
/// The socket is made under another name and moved into place, so that a subscriber that sees it can connect to it.
#pragma once

#include "base/result.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cuframes::core {

/// $CUFRAMES_DIR, else $NVIDIA_DRA_LOCAL_IPC_DIR/cuframes, else $XDG_RUNTIME_DIR/cuframes, else /run/cuframes, else
/// /tmp/cuframes-<uid>.
std::string default_directory();

/// The directory to look for the publisher of a key in, where none was named: the same, but among those below
/// $XDG_RUNTIME_DIR/cuframes that can be entered the first where there is a socket of that key. A reader need not be able to
/// write there.
std::string directory_to_read(const std::string& key);

/// All that a reader looks into where none was named: in each key's order of preference.
std::vector<std::string> directories_to_read();

/// The keys whose sockets are in a directory, of living publishers or not. None where there is no such directory.
Result<std::vector<std::string>> keys_in(const std::string& directory);

/// Whether that may become another one while nobody has changed the environment.
bool has_several_directories();

/// Whether a reader may trust what lies in a directory. Anybody may make the one in /tmp, so that has to be this user's
/// own, or root's; and so has any other that is only `usual` and was not named.
Result<> check_directory(const std::string& directory, bool usual);

/// Whether a reader may trust a publisher that it found there: in directories that were not named only one of this user, of
/// root or of the directory's owner; in /run/cuframes, which an administrator made, any.
Result<> check_publisher(const std::string& directory, bool usual, const Credentials& publisher);

/// Tells a file from others that had its name.
struct FileIdentity {
    dev_t device;
    ino_t number;
    int64_t changed_ns;

    static std::optional<FileIdentity> of(const std::string& path);
    bool operator==(const FileIdentity&) const = default;
};

std::string socket_path(const std::string& directory, const std::string& key);

/// Whether it fits a socket's address.
Result<> check_socket_path(const std::string& path);

/// A key held by this process, and the socket that listens for it. Gives both back when destroyed.
class KeyHolder {
public:
    static Result<KeyHolder> take(const std::string& directory, const std::string& key, const AccessRule& access);

    KeyHolder(KeyHolder&&) = default;
    KeyHolder& operator=(KeyHolder&&) = delete;
    ~KeyHolder();

    /// Gives key and socket back now.
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

/// Watches a directory, which need not exist yet, for sockets to appear. A user has few inotify instances (128 on most
/// systems, for everything that he runs): so one is there only while somebody waits.
class SocketWatch {
public:
    explicit SocketWatch(std::string directory) : directory_(std::move(directory)) {}

    /// -1 while there is no instance. To be polled, and taken out of the set before close().
    int fd() const { return inotify_.get(); }

    bool armed() const { return watch_ >= 0; }

    /// Starts to watch the directory, or its nearest parent that exists. Call before looking for the socket, and again
    /// after each event: what is watched may have changed. An error says which limit has been met, or what forbids it:
    /// then nothing is watched, and the caller has to look again by itself from time to time.
    Result<> arm();

    /// Stops to watch, and keeps the instance for close(). Takes microseconds.
    void disarm();

    /// Gives the instance back. The kernel waits here, 10 to 20 ms, for watches removed within the last few: so when
    /// somebody waits for a frame, disarm() first and close later.
    void close();

private:
    Result<bool> watch_nearest();
    void drain() const;

    UniqueFd inotify_;
    std::string directory_;
    int watch_ = -1;
};

} // namespace cuframes::core
