// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/metric_family.h"

#include <fmt/format.h>

namespace cuframes::tools {

namespace {

std::string escaped(const std::string& value) {
    std::string out;
    for (const char c : value) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

} // namespace

void MetricFamily::add(const Labels& labels, double value) {
    std::string all;
    for (const auto& [name, text] : labels) {
        all += fmt::format("{}{}=\"{}\"", all.empty() ? "" : ",", name, escaped(text));
    }
    samples_ += fmt::format("{}{} {}\n", name_, all.empty() ? "" : "{" + all + "}", value);
}

std::string MetricFamily::text() const {
    const char* type = type_ == Type::counter ? "counter" : "gauge";
    return samples_.empty() ? "" : fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{3}", name_, help_, type, samples_);
}

} // namespace cuframes::tools
