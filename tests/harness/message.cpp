// SPDX-License-Identifier: LGPL-2.1-or-later
#include "message.h"

#include <cstdlib>
#include <stdexcept>

namespace cuframes::test {
namespace {

std::string escape(const std::string& text) {
    static const char digits[] = "0123456789abcdef";
    std::string out;
    for (unsigned char c : text) {
        if (c <= ' ' || c == '%' || c == '=' || c == 0x7f) {
            out += '%';
            out += digits[c >> 4];
            out += digits[c & 15];
        } else {
            out += static_cast<char>(c);
        }
    }
    return out;
}

std::string unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

} // namespace

Message Message::parse(std::string_view line) {
    Message message;
    while (!line.empty()) {
        const size_t end = std::min(line.find(' '), line.size());
        const std::string_view word = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        const size_t equals = word.find('=');
        if (equals != std::string_view::npos) {
            message.values_[std::string(word.substr(0, equals))] = unescape(word.substr(equals + 1));
        } else if (message.verb_.empty()) {
            message.verb_ = std::string(word);
        } else if (!word.empty()) {
            throw std::runtime_error("not key=value: " + std::string(word));
        }
    }
    return message;
}

std::string Message::encode() const {
    std::string line = verb_;
    for (const auto& [key, value] : values_) {
        line += ' ' + key + '=' + escape(value);
    }
    return line;
}

std::string Message::text(const std::string& key, const std::string& fallback) const {
    const auto found = values_.find(key);
    return found == values_.end() ? fallback : found->second;
}

int64_t Message::number(const std::string& key, int64_t fallback) const {
    const auto found = values_.find(key);
    return found == values_.end() ? fallback : std::strtoll(found->second.c_str(), nullptr, 10);
}

Message& Message::set(const std::string& key, std::string value) {
    values_[key] = std::move(value);
    return *this;
}

} // namespace cuframes::test
