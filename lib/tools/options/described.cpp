// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/described.h"

#include <CLI/CLI.hpp>

namespace cuframes::tools {

std::vector<DescribedOption> options_of(const std::function<void(CLI::App&)>& declare) {
    CLI::App app;
    declare_help(app);
    declare(app);
    std::vector<DescribedOption> out;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) {
            continue;
        }
        DescribedOption described;
        for (const std::string& name : option->get_snames()) {
            described.names.push_back("-" + name);
        }
        for (const std::string& name : option->get_lnames()) {
            described.names.push_back("--" + name);
        }
        described.value = option->get_items_expected_max() > 0 ? option->get_type_name() : "";
        described.help = option->get_description();
        described.repeats = option->get_items_expected_max() > 1;
        out.push_back(std::move(described));
    }
    return out;
}

} // namespace cuframes::tools
