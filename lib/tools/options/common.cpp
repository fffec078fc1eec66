// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options/common.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

namespace cuframes::tools {

namespace {

constexpr size_t longest_key = 64;
/// Thirty years: what is longer does not fit the library's times.
constexpr double longest_seconds = 1e9;

/// A check without a text of its own: CLI11 would show that in the help beside the value's name.
CLI::Validator check(std::function<std::string(std::string&)> function) {
    return CLI::Validator(std::move(function), "");
}

std::optional<double> seconds_in(const std::string& text) {
    static const std::map<std::string, double> units = {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const auto unit = units.find(end);
    // strtod() takes "inf" and "nan", and spaces before a number.
    if (text.find_first_not_of("0123456789.") == 0 || end == text.c_str() || unit == units.end() ||
        number * unit->second > longest_seconds) {
        return std::nullopt;
    }
    return number * unit->second;
}

} // namespace

std::string wrong_with_key(const std::string& key) {
    const auto bad = std::find_if_not(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    });
    if (key.empty() || key.size() > longest_key || bad != key.end() || key.front() == '.') {
        return "\"" + key + "\" is no key: use 1 to 64 characters of A-Z a-z 0-9 . _ - with no dot first";
    }
    return "";
}

void declare_help(CLI::App& verb) { verb.set_help_flag("-h,--help", "print the options"); }

CLI::Option* declare_key(CLI::App& verb, std::string& key, const std::string& help) {
    return verb.add_option("key", key, help)->type_name("KEY")->required()->check(check(wrong_with_key));
}

void declare_directory(CLI::App& verb, std::string& directory) {
    verb.add_option("--dir", directory, "where the keys are, if not in $CUFRAMES_DIR or the usual place")
        ->type_name("DIR");
}

void declare_json(CLI::App& verb, bool& json) { verb.add_flag("--json", json, "print JSON, for programs"); }

void declare_timeout(CLI::App& verb, double& seconds) {
    declare_seconds(verb, "--timeout", seconds, "how long to wait for a publisher that does not answer (0.5s)");
}

CLI::Option* declare_seconds(CLI::App& verb, const std::string& name, double& seconds, const std::string& help) {
    return verb.add_option(name, seconds, help)->type_name("SECONDS")->transform(check([](std::string& text) {
        const auto given = seconds_in(text);
        if (!given) {
            return "\"" + text + "\" is no time: write 500ms, 10s, 2m or 1h";
        }
        text = std::to_string(*given);
        return std::string();
    }));
}

CLI::Option* declare_count(CLI::App& verb, const std::string& name, uint64_t& count, const std::string& help) {
    return verb.add_option(name, count, help)->type_name("N")->check(check([](const std::string& text) {
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        const bool some = text.find_first_not_of('0') != std::string::npos;
        return digits && some ? std::string() : "\"" + text + "\" is no number from 1 on";
    }));
}

CLI::Option* declare_choice(CLI::App& verb, const std::string& name, std::string& word,
                            const std::vector<std::string>& words, const std::string& help) {
    const std::string all = CLI::detail::join(words, "|");
    return verb.add_option(name, word, help)->type_name(all)->check(check([words, all](const std::string& given) {
        const bool known = std::find(words.begin(), words.end(), given) != words.end();
        return known ? std::string() : given + " is none of " + all;
    }));
}

} // namespace cuframes::tools
