// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "media/ring.h"

#include <memory>

namespace cuframes::tools {

/// Encodes a key of frames, for all in this process that want it: the packets are a key of their own in a folder of
/// their own.
class SharedEncoder {
public:
    /// The one that runs, or a new one. It ends with the last who holds it. Throws if there is no encoder.
    static std::shared_ptr<SharedEncoder> of(const Ring& frames);

    explicit SharedEncoder(const Ring& frames);
    SharedEncoder(const SharedEncoder&) = delete;
    SharedEncoder& operator=(const SharedEncoder&) = delete;
    ~SharedEncoder();

    /// Of H.264.
    const Ring& packets() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cuframes::tools
