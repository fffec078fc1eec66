// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/pipeline.h"

#include <atomic>
#include <memory>
#include <string>

namespace cuframes::tools {

/// A key as an MPEG transport stream for SRT callers, at a port of its own. It is read, and encoded, while there are any.
class SrtKey {
public:
    /// Throws if nobody can listen there.
    SrtKey(std::string key, std::string directory, const std::string& address, unsigned port);
    SrtKey(const SrtKey&) = delete;
    SrtKey& operator=(const SrtKey&) = delete;

    /// Begins and ends reading, as callers come and go. To be called now and then, in the main loop.
    void look_around();

private:
    void begin();

    std::string key_;
    std::string directory_;
    std::atomic<int> callers_ = 0;
    GstElement* feed_ = nullptr;
    Pipeline listener_;
    std::unique_ptr<Pipeline> reader_; ///< It feeds the listener, so it is gone first.
};

} // namespace cuframes::tools
