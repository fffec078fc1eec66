// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nearest.h"

#include <algorithm>
#include <numeric>

namespace cuframes::tools {

namespace {

/// Characters to insert, to leave out or to change.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = row[0]++;
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    std::string best;
    size_t best_distance = std::max<size_t>(1, word.size() / 2) + 1;
    for (const std::string& one : known) {
        const size_t here = one.starts_with(word) ? 1 : distance(word, one);
        if (here < best_distance) {
            best = one;
            best_distance = here;
        }
    }
    return best;
}

} // namespace cuframes::tools
