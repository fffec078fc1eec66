// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace cuframes::gst {

/// The moment at which the recordings of one pipeline begin, so that a camera's pictures and its sound, which come from two
/// keys and begin with packets of two moments, stay in sync. It is the earliest of those with which its sources begin.
/// Any thread.
class Origin {
public:
    /// That of the pipeline or topmost bin which `element` is in.
    static std::shared_ptr<Origin> of(GstElement* element);

    /// A source more will say what it begins with.
    void expect();
    /// It will not.
    void expect_no_more();

    /// Says what a source begins with, once for each. Others may not know theirs yet.
    void propose(GstClockTime first);
    /// Waits until all have said so, or until those that have not are left behind. GST_CLOCK_TIME_NONE: interrupted.
    GstClockTime agreed(const std::atomic<bool>& interrupted);
    /// Lets those that wait look whether they are interrupted.
    void wake();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned silent_ = 0;
    GstClockTime earliest_ = GST_CLOCK_TIME_NONE; ///< Once agreed on it stays.
    bool agreed_ = false;
};

} // namespace cuframes::gst
