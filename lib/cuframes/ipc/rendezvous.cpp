// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ipc/rendezvous.h"

#include "base/fork.h"
#include "ipc/seqpacket.h"
#include "protocol/validate.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

namespace cuframes::core {

namespace {

std::string private_tmp_directory() { return text("/tmp/cuframes-", ::geteuid()); }

/// Whether a path in the world-writable /tmp is really this user's own directory: somebody else may have made it.
Result<> check_ownership(const std::string& directory) {
    struct stat status = {};
    if (::lstat(directory.c_str(), &status) != 0) {
        return system_error(text("look at ", directory), errno, CUFRAMES_ERROR_DIRECTORY);
    }
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0022)) {
        return Error{CUFRAMES_ERROR_DIRECTORY,
                     text(directory, " belongs to somebody else or can be written by others; remove it, or set "
                                     "CUFRAMES_DIR to a directory of your own")};
    }
    return {};
}

constexpr const char* run_directory = "/run/cuframes";

bool is_directory(const char* path) {
    struct stat status = {};
    return ::stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

std::string value_of(const char* set) { return set ? set : ""; }

/// The directory that the environment names for just this, "" if none. Who says so is trusted: the user, or Kubernetes,
/// whose driver for NVIDIA's GPUs gives a folder to those containers that were given the same GPU by the same claim.
std::string told_directory() {
    if (std::string told = value_of(std::getenv("CUFRAMES_DIR")); !told.empty()) {
        return told;
    }
    const std::string of_claim = value_of(std::getenv("NVIDIA_DRA_LOCAL_IPC_DIR"));
    return of_claim.empty() ? "" : text(of_claim, "/cuframes");
}

std::string session_directory() {
    const std::string runtime = value_of(std::getenv("XDG_RUNTIME_DIR"));
    return runtime.empty() ? "" : text(runtime, "/cuframes");
}

/// Makes the directory if it is missing. True: it was made here.
Result<bool> ensure_directory(const std::string& directory, const AccessRule& access) {
    bool made = false;
    if (::mkdir(directory.c_str(), 0700) == 0) {
        made = true;
        // mkdir() is subject to the umask, chown() and chmod() are not.
        const gid_t group = access.group();
        if ((group != static_cast<gid_t>(-1) && ::chown(directory.c_str(), static_cast<uid_t>(-1), group) != 0) ||
            ::chmod(directory.c_str(), access.directory_mode()) != 0) {
            Error error = system_error(text("open the directory ", directory, " to ", access.name()), errno,
                                       CUFRAMES_ERROR_DIRECTORY);
            ::rmdir(directory.c_str());
            return error;
        }
    } else if (errno != EEXIST) {
        return system_error(text("make the directory ", directory,
                                 " for the sockets (its parent must exist and be writable; set the directory, or "
                                 "CUFRAMES_DIR)"),
                            errno, CUFRAMES_ERROR_DIRECTORY);
    }
    struct stat status = {};
    if (::stat(directory.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
        return Error{CUFRAMES_ERROR_DIRECTORY,
                     text(directory, " is not a directory; set the directory, or CUFRAMES_DIR, to one")};
    }
    if (directory == private_tmp_directory()) {
        if (auto own = check_ownership(directory); !own) {
            return own.error();
        }
    }
    return made;
}

/// Keys held by this process. A record lock excludes other processes only, and is lost when the process closes any
/// descriptor of the file: so a key held here is refused before its lock file is opened.
class KeysHeldHere {
public:
    bool add(const std::string& lock_path) {
        std::lock_guard lock(mutex_);
        if (forks_ != fork_count()) {
            held_.clear(); // They are the parent's.
            forks_ = fork_count();
        }
        return held_.insert(lock_path).second;
    }
    void remove(const std::string& lock_path) {
        std::lock_guard lock(mutex_);
        held_.erase(lock_path);
    }

private:
    std::mutex mutex_;
    std::set<std::string> held_;
    uint32_t forks_ = fork_count();
};

KeysHeldHere& keys_held_here() {
    static auto* keys = new KeysHeldHere; // Publishers may be destroyed by exit handlers.
    return *keys;
}

/// A record lock on the whole file: not inherited by fork(), so that a dead publisher's child does not hold its key.
struct flock whole_file() {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

Error in_use(const std::string& key, const std::string& path, const std::string& pid) {
    return {CUFRAMES_ERROR_KEY_IN_USE, text("the key \"", key, "\" is in use: the publisher with pid ", pid, " holds ",
                                            path, "; stop it, or use another key")};
}

Error in_use_here(const std::string& key, const std::string& path) {
    return {CUFRAMES_ERROR_KEY_IN_USE,
            text("the key \"", key, "\" is in use: another publisher of this very process (pid ", ::getpid(),
                 ") holds ", path, "; close that one, or use another key")};
}

/// The holder's pid: as the kernel knows it here, else (another PID namespace) as the holder wrote it down.
std::string read_holder(int fd) {
    struct flock lock = whole_file();
    if (::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0) {
        return text(lock.l_pid);
    }
    std::array<char, 32> pid = {};
    const ssize_t got = ::pread(fd, pid.data(), pid.size() - 1, 0);
    std::string out(pid.data(), got > 0 ? static_cast<size_t>(got) : 0);
    out.erase(out.find_last_not_of('\n') + 1);
    return out.empty() ? "unknown" : out;
}

bool same_file(int fd, const std::string& path) {
    struct stat by_fd = {};
    struct stat by_path = {};
    return ::fstat(fd, &by_fd) == 0 && ::stat(path.c_str(), &by_path) == 0 && by_fd.st_ino == by_path.st_ino &&
           by_fd.st_dev == by_path.st_dev;
}

/// Takes the lock, on the file that has the name: a holder about to leave removes it.
Result<UniqueFd> lock_file(const std::string& path, const std::string& key) {
    for (;;) {
        UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd) {
            return system_error(text("create the lock ", path, " (is the directory writable?)"), errno,
                                CUFRAMES_ERROR_DIRECTORY);
        }
        struct flock lock = whole_file();
        if (::fcntl(fd.get(), F_SETLK, &lock) != 0) {
            if (errno != EAGAIN && errno != EACCES) {
                return system_error(text("lock ", path), errno, CUFRAMES_ERROR_DIRECTORY);
            }
            return in_use(key, path, read_holder(fd.get()));
        }
        if (same_file(fd.get(), path)) {
            const std::string pid = text(::getpid(), "\n");
            if (::ftruncate(fd.get(), 0) != 0 ||
                ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
                Error error = system_error(text("write the lock ", path), errno, CUFRAMES_ERROR_DIRECTORY);
                ::unlink(path.c_str());
                return error;
            }
            return fd;
        }
    }
}

/// One name for a directory, however it was reached.
std::string canonical(const std::string& directory) {
    char* resolved = ::realpath(directory.c_str(), nullptr);
    std::string out = resolved ? resolved : directory;
    std::free(resolved);
    return out;
}

/// "is 128 (/proc/sys/fs/inotify/max_user_instances)".
std::string limit_text(const char* name) {
    const std::string path = text("/proc/sys/fs/inotify/", name);
    std::string value;
    std::ifstream(path) >> value;
    return text("is ", value.empty() ? "unknown" : value, " (", path, ")");
}

Error no_instance(int number) {
    // The same number for two limits. Whether one more descriptor can be had tells which.
    if (number == EMFILE && UniqueFd(::eventfd(0, EFD_CLOEXEC))) {
        return {CUFRAMES_ERROR_SYSTEM,
                text("all inotify instances of this user are in use; their limit ", limit_text("max_user_instances"))};
    }
    return system_error("make an inotify instance", number);
}

Error no_watch(const std::string& path, int number) {
    if (number == ENOSPC) {
        return {CUFRAMES_ERROR_SYSTEM,
                text("all inotify watches of this user are in use; their limit ", limit_text("max_user_watches"))};
    }
    return system_error(text("watch ", path), number);
}

std::string parent_of(const std::string& path) {
    const size_t slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace

std::string default_directory() {
    for (std::string named : {told_directory(), session_directory()}) {
        if (!named.empty()) {
            return named;
        }
    }
    if (is_directory(run_directory) ? ::access(run_directory, W_OK | X_OK) == 0 : ::access("/run", W_OK | X_OK) == 0) {
        return run_directory;
    }
    return private_tmp_directory();
}

bool has_several_directories() {
    return told_directory().empty() && session_directory().empty() && is_directory(run_directory) &&
           ::access(run_directory, X_OK) == 0 && default_directory() != run_directory;
}

std::string directory_to_read(const std::string& key) {
    struct stat status = {};
    if (has_several_directories() && ::stat(socket_path(run_directory, key).c_str(), &status) == 0) {
        return run_directory;
    }
    return default_directory();
}

std::vector<std::string> directories_to_read() {
    if (has_several_directories()) {
        return {run_directory, default_directory()};
    }
    return {default_directory()};
}

Result<std::vector<std::string>> keys_in(const std::string& directory) {
    std::error_code error;
    std::vector<std::string> keys;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::filesystem::path& path = entry->path();
        if (const std::string key = path.stem().string(); path.extension() == ".sock" && check_key(key.c_str())) {
            keys.push_back(key);
        }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return system_error(text("look into ", directory), error.value(), CUFRAMES_ERROR_DIRECTORY);
    }
    return keys;
}

Result<> check_directory(const std::string& directory, bool usual) {
    const bool may_be_anybodys = directory == private_tmp_directory();
    struct stat status = {};
    if ((!usual && !may_be_anybodys) || !told_directory().empty() || directory == run_directory ||
        ::lstat(directory.c_str(), &status) != 0) {
        return {};
    }
    const bool trusted = status.st_uid == ::geteuid() || status.st_uid == 0 || (::geteuid() == 0 && !may_be_anybodys);
    if (!S_ISDIR(status.st_mode) || !trusted || (status.st_mode & 0022)) {
        return Error{CUFRAMES_ERROR_DIRECTORY,
                     text(directory, " belongs to somebody else (uid ", status.st_uid,
                          ") or can be written by others, who may pretend to be the publisher; set the directory, or "
                          "CUFRAMES_DIR, to one that you trust")};
    }
    return {};
}

Result<> check_publisher(const std::string& directory, bool usual, const Credentials& publisher) {
    const bool may_be_anybodys = directory == private_tmp_directory();
    struct stat status = {};
    if ((!usual && !may_be_anybodys) || !told_directory().empty() || directory == run_directory ||
        publisher.uid == ::geteuid() || publisher.uid == 0 ||
        (::stat(directory.c_str(), &status) == 0 && publisher.uid == status.st_uid)) {
        return {};
    }
    return Error{
        CUFRAMES_ERROR_ACCESS_DENIED,
        text("the publisher (pid ", publisher.pid, ") in ", directory, " runs as uid ", publisher.uid,
             ", which is neither ours nor root; if you trust it, name that directory, or set CUFRAMES_DIR to it")};
}

std::optional<FileIdentity> FileIdentity::of(const std::string& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) {
        return {};
    }
    return FileIdentity{status.st_dev, status.st_ino,
                        int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

std::string socket_path(const std::string& directory, const std::string& key) {
    return text(directory, "/", key, ".sock");
}

Result<> check_socket_path(const std::string& path) {
    constexpr size_t most = sizeof sockaddr_un::sun_path - 1;
    if (path.size() > most) {
        return Error{CUFRAMES_ERROR_PATH_TOO_LONG,
                     text("the socket path ", path, " has ", path.size(), " bytes; a Unix socket allows ", most,
                          ": use a shorter directory or key")};
    }
    return {};
}

Result<KeyHolder> KeyHolder::take(const std::string& directory, const std::string& key, const AccessRule& access) {
    KeyHolder holder;
    holder.lock_path_ = text(directory, "/", key, ".lock");
    // The name it gets first is shorter than the last one, so a path that fits at all fits both times.
    const std::string first_path = text(directory, "/", key, ".new");
    const std::string final_path = socket_path(directory, key);
    if (auto fits = check_socket_path(final_path); !fits) {
        return fits.error();
    }
    auto made = ensure_directory(directory, access);
    if (!made) {
        return made.error();
    }
    holder.lock_name_ = canonical(directory) + "/" + key;
    if (!keys_held_here().add(holder.lock_name_)) {
        return in_use_here(key, holder.lock_path_);
    }
    auto lock = lock_file(holder.lock_path_, key);
    if (!lock) {
        keys_held_here().remove(holder.lock_name_);
        if (*made) {
            ::rmdir(directory.c_str());
        }
        return lock.error();
    }
    holder.lock_ = std::move(*lock);
    ::unlink(first_path.c_str());
    auto listening = listen_at(first_path, access.socket_mode(), access.group());
    if (listening && ::rename(first_path.c_str(), final_path.c_str()) != 0) {
        listening = system_error(text("move the socket to ", final_path), errno, CUFRAMES_ERROR_DIRECTORY);
    }
    if (!listening) {
        const Error& error = listening.error();
        ::unlink(first_path.c_str());
        {
            KeyHolder give_back = std::move(holder);
        }
        if (*made) {
            ::rmdir(directory.c_str());
        }
        return error;
    }
    holder.listening_ = std::move(*listening);
    close_in_children(holder.listening_.get());
    holder.socket_path_ = final_path;
    return holder;
}

KeyHolder::~KeyHolder() { release(); }

void KeyHolder::release() {
    if (!lock_) {
        return;
    }
    // Both are ours as long as the lock is held.
    if (!socket_path_.empty()) {
        ::unlink(socket_path_.c_str());
    }
    ::unlink(lock_path_.c_str());
    if (listening_) {
        leave_to_children(listening_.get());
    }
    listening_.reset();
    lock_.reset();
    keys_held_here().remove(lock_name_);
}

Result<> SocketWatch::arm() {
    if (!inotify_) {
        inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (!inotify_) {
            return no_instance(errno);
        }
    }
    drain(); // Whatever happened so far is seen by the look at the socket that follows.
    // A directory made between the look for it and the watch on its parent would be missed: look for it once more when
    // the watch is there.
    for (;;) {
        const int before = watch_;
        auto at_directory = watch_nearest();
        if (!at_directory) {
            disarm();
            return at_directory.error();
        }
        if (*at_directory || watch_ == before) {
            return {};
        }
    }
}

/// Moves the watch to the directory, which is true, or to the nearest of its parents that exists.
Result<bool> SocketWatch::watch_nearest() {
    constexpr uint32_t events = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
    std::string path = directory_;
    int watch = -1;
    while ((watch = ::inotify_add_watch(inotify_.get(), path.c_str(), events)) < 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR;
        if (!absent || path == "/" || path == ".") {
            return no_watch(path, errno);
        }
        path = parent_of(path);
    }
    if (watch_ >= 0 && watch_ != watch) {
        ::inotify_rm_watch(inotify_.get(), watch_);
        drain(); // Its IN_IGNORED. What else is lost is seen by the look that follows.
    }
    watch_ = watch;
    return path == directory_;
}

void SocketWatch::drain() const {
    std::array<char, 4096> events;
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
}

void SocketWatch::disarm() {
    if (watch_ >= 0) {
        ::inotify_rm_watch(inotify_.get(), watch_);
        drain();
    }
    watch_ = -1;
}

void SocketWatch::close() {
    inotify_.reset();
    watch_ = -1;
}

} // namespace cuframes::core
