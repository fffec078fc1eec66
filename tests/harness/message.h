// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace cuframes::test {

/// One line that a test and its child processes exchange: a verb and `key=value` pairs, e.g. `publish count=10`.
/// Values are percent-encoded on the way, so that messages and paths may hold spaces.
class Message {
public:
    Message() = default;
    explicit Message(std::string verb) : verb_(std::move(verb)) {}

    static Message parse(std::string_view line);
    std::string encode() const;

    const std::string& verb() const { return verb_; }
    bool has(const std::string& key) const { return values_.count(key) != 0; }
    std::string text(const std::string& key, const std::string& fallback = {}) const;
    int64_t number(const std::string& key, int64_t fallback = 0) const;

    Message& set(const std::string& key, std::string value);
    Message& set(const std::string& key, const char* value) { return set(key, std::string(value)); }
    template <typename Integer>
    Message& set(const std::string& key, Integer value) {
        return set(key, std::to_string(value));
    }

private:
    std::string verb_;
    std::map<std::string, std::string> values_;
};

} // namespace cuframes::test
