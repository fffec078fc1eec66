// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace cuframes::tools {

/// Columns of text, each as wide as it must be. A row that is shorter than the heading ends with a remark, which may be as
/// long as it likes.
class Table {
public:
    enum class Align { left, right };
    struct Column {
        std::string heading;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

    /// The heading and the rows, without line ends.
    std::vector<std::string> lines() const;

private:
    std::string line(const std::vector<std::string>& row, const std::vector<size_t>& widths) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// Columns that a terminal needs for UTF-8 text, if none of its characters is wide.
size_t width_of(const std::string& text);

} // namespace cuframes::tools
