// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/parse.h"

#include "shared/say.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace cuframes::tools {

std::optional<int> parse(const char* name, const char* summary, const std::function<void(CLI::App&)>& declare, int argc,
                         const char* const* argv) {
    const std::string command = std::string("cuframes ") + name;
    CLI::App app(summary, command);
    declare_help(app);
    declare(app);
    // CLI11 takes them from the back.
    std::vector<std::string> arguments(std::make_reverse_iterator(argv + argc), std::make_reverse_iterator(argv + 1));
    try {
        app.parse(arguments);
    } catch (const CLI::CallForHelp&) {
        fmt::print("{}", app.help());
        return exit_done;
    } catch (const CLI::ParseError& error) {
        complain(name, fmt::format("{}; see \"{} --help\"", error.what(), command));
        return exit_usage;
    }
    return std::nullopt;
}

} // namespace cuframes::tools
