// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace cuframes::tools::doctor {

enum class Level { ok, warning, failure };

struct Finding {
    Level level;
    std::string topic; ///< One word.
    std::string what;
    std::string advice; ///< What to do; "" if all is well.
};

class Findings {
public:
    void ok(const char* topic, std::string what) { all_.push_back({Level::ok, topic, std::move(what), ""}); }
    void warn(const char* topic, std::string what, std::string advice) {
        all_.push_back({Level::warning, topic, std::move(what), std::move(advice)});
    }
    void fail(const char* topic, std::string what, std::string advice) {
        all_.push_back({Level::failure, topic, std::move(what), std::move(advice)});
    }

    const std::vector<Finding>& all() const { return all_; }
    bool healthy() const;

private:
    std::vector<Finding> all_;
};

} // namespace cuframes::tools::doctor
