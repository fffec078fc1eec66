// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "frame.h"
#include "reader.h"

#include <memory>
#include <string>

namespace cuframes::python {

/// A subscriber of frames.
class Subscriber final : public Reader {
public:
    Subscriber(const std::string& key, const std::string& directory, const std::string& name, int mode,
               uint32_t max_held, bool end_when_gone, int32_t cuda_device, int release);

    std::unique_ptr<RingFrame> next(int64_t timeout_ms);
};

void bind_subscriber(nb::module_& module);

} // namespace cuframes::python
