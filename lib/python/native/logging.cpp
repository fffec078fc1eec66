// SPDX-License-Identifier: LGPL-2.1-or-later
#include "logging.h"

#include "base/thread.h"
#include "lock.h"
#include "unlocked.h"

#include <cuframes/cuframes.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

namespace cuframes::python {
namespace {

struct Line {
    cuframes_log_level level;
    std::string message;
};

class Lines {
public:
    /// False: nobody takes lines any more, or no thread could be had.
    bool put(cuframes_log_level level, const char* message) {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            return false;
        }
        if (!running_) {
            auto thread = core::start_thread("cuframes-log", [this] { hand_on(); });
            if (!thread) {
                return false;
            }
            thread->detach();
            running_ = true;
        }
        lines_.push_back({level, message});
        return true;
    }

    /// Takes no more, and waits until those that there are have been handed on. Without the interpreter lock.
    void close() {
        std::unique_lock lock(mutex_);
        closed_ = true;
        ended_.wait(lock, [this] { return !running_; });
    }

private:
    void hand_on() {
        std::unique_lock lock(mutex_);
        while (!lines_.empty()) {
            const Line line = std::move(lines_.front());
            lines_.pop_front();
            lock.unlock();
            cuframes_python_log(line.level, line.message.c_str());
            lock.lock();
        }
        running_ = false;
        ended_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable ended_;
    std::deque<Line> lines_;
    bool running_ = false;
    bool closed_ = false;
};

/// Never destroyed: threads of the library log while the process ends.
std::atomic<Lines*> lines{new Lines};

/// In a forked child, where the thread is not, and somebody may have held the mutex.
void begin_anew() { lines.store(new Lines); }

void close_log() {
    unlocked([] { lines.load()->close(); });
}

bool take(cuframes_log_level level, const char* message, void*) {
    try {
        return lines.load()->put(level, message);
    } catch (const std::bad_alloc&) {
        return false; // Then stderr has it.
    }
}

} // namespace

void bind_logging(nb::module_& module) {
    cuframes_add_log_listener(take, nullptr);
    module.def("close_log", &close_log);
    module.def("begin_log_anew", &begin_anew);
}

} // namespace cuframes::python
