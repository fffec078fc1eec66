// SPDX-License-Identifier: LGPL-2.1-or-later
#include "facts/table.h"

#include <algorithm>

namespace cuframes::tools {

size_t width_of(const std::string& text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::string> Table::lines() const {
    std::vector<std::string> heading;
    std::vector<size_t> widths;
    for (const Column& column : columns_) {
        heading.push_back(column.heading);
        widths.push_back(width_of(column.heading));
    }
    for (const auto& row : rows_) {
        const size_t cells = row.size() < columns_.size() ? row.size() - 1 : row.size();
        for (size_t i = 0; i < cells; ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    std::vector<std::string> out = {line(heading, widths)};
    for (const auto& row : rows_) {
        out.push_back(line(row, widths));
    }
    return out;
}

std::string Table::line(const std::vector<std::string>& row, const std::vector<size_t>& widths) const {
    std::string out;
    for (size_t i = 0; i < row.size(); ++i) {
        const bool last = i + 1 == row.size();
        const bool right = columns_[i].align == Align::right && !(last && row.size() < columns_.size());
        const std::string padding(widths[i] - std::min(widths[i], width_of(row[i])), ' ');
        out += right ? padding + row[i] : row[i] + (last ? "" : padding);
        out += last ? "" : "  ";
    }
    return out;
}

} // namespace cuframes::tools
