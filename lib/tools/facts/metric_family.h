// SPDX-License-Identifier: LGPL-2.1-or-later
/// The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cuframes::tools {

/// A metric and its samples.
class MetricFamily {
public:
    enum class Type { counter, gauge };
    using Labels = std::vector<std::pair<const char*, std::string>>;

    MetricFamily(const char* name, Type type, const char* help) : name_(name), type_(type), help_(help) {}

    void add(const Labels& labels, double value);
    /// "": it has no samples.
    std::string text() const;

private:
    const char* name_;
    Type type_;
    const char* help_;
    std::string samples_;
};

} // namespace cuframes::tools
