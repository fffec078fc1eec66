// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "agent.h"

#include <string>

namespace cuframes::test {

/// main() of a child that runs a pipeline for its test, see pipeline_role.cpp for the verbs.
int pipeline_main();

/// A pipeline in a process of its own, most often with a cuframessink called "sink" in it.
class RemotePipeline {
public:
    explicit RemotePipeline(const std::string& description, std::map<std::string, std::string> environment = {});

    /// Asks and expects "ok"; throws what went wrong.
    Message call(Message request, milliseconds limit = default_limit);

    void play() { set_state("playing"); }
    /// Returns GStreamer's name of the result, e.g. "no-preroll".
    std::string set_state(const std::string& state);
    void await_state() { call(Message("settle")); }
    void await_end() { call(Message("await-end")); }
    void set(const std::string& element, const std::string& property, const std::string& value);
    int64_t stat(const std::string& field, const std::string& element = "sink");
    /// The next error on the bus: `library` and `text`.
    Message await_error() { return call(Message("await-error")); }

    Child& process() { return child_; }

private:
    Child child_;
};

} // namespace cuframes::test
